"""What the jobs of all contenders do."""

import asyncio
import time

from apps.stopwatch import note, now, tick

NAP = 0.05


def work() -> None:
    """Do nothing."""
    tick()


def carry(text: str) -> None:
    """Do nothing, and have an argument."""
    tick()


def nap() -> None:
    """Wait for something."""
    tick()
    time.sleep(NAP)  # that is the job
    tick()


async def anap() -> None:
    """Wait for something on an event loop."""
    tick()
    await asyncio.sleep(NAP)  # that is the job
    tick()


def arrive(sent: float) -> None:
    """Write down how long ago something was sent."""
    note(now() - sent)


def hang() -> None:
    """Stay active."""
    tick()
    time.sleep(3600)  # until the worker is killed


async def ahang() -> None:
    """Stay active on an event loop."""
    tick()
    await asyncio.sleep(3600)  # until the worker is killed


def echo(value: int) -> int:
    """Give back what was given."""
    return value
