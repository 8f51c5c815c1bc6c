"""Waiting on conditions: the only way in which tests wait."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any

TIMEOUT = 15.0


def wait_until(condition: Callable[[], Any], what: str, timeout: float = TIMEOUT) -> Any:
    """Wait until something holds, and return what it said.

    Raises:
        AssertionError: it did not, in time.
    """
    deadline = time.monotonic() + timeout
    while True:
        if value := condition():
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout:g} s in vain until {what}")
        time.sleep(0.005)


async def await_until(condition: Callable[[], Awaitable[Any] | Any], what: str, timeout: float = TIMEOUT) -> Any:
    """See ``wait_until``; the condition may be a coroutine function."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if inspect.isawaitable(value):
            value = await value
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout:g} s in vain until {what}")
        await asyncio.sleep(0.005)
