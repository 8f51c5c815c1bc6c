"""What a producer of a contender can do. Standard library only.

An application says it once as ``PRODUCER``. Whoever offers no bulk call has ``many=None``, whoever keeps no results
``ask=None``.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

Jobs = Sequence[tuple[Any, ...]]


def _nothing() -> None:
    return


async def _anothing() -> None:
    return


@dataclass(frozen=True)
class Producer:
    """Enqueues from plain code.

    Attributes:
        enqueue: enqueues one job of a task, with its arguments.
        many: enqueues jobs of a task by the call for many, given the arguments of each.
        ask: enqueues a job that gives back what it was given, and returns its result as soon as it is there.
        connect: what comes before.
        close: what comes after.
    """

    enqueue: Callable[..., object]
    many: Callable[[str, Jobs], object] | None = None
    ask: Callable[[int], object] | None = None
    connect: Callable[[], object] = _nothing
    close: Callable[[], object] = _nothing


@dataclass(frozen=True)
class AsyncProducer:
    """Enqueues from an event loop. The attributes are those of ``Producer``."""

    enqueue: Callable[..., Awaitable[object]]
    many: Callable[[str, Jobs], Awaitable[object]] | None = None
    ask: Callable[[int], Awaitable[object]] | None = None
    connect: Callable[[], Awaitable[object]] = _anothing
    close: Callable[[], Awaitable[object]] = _anothing
