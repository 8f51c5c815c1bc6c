"""What steers a job besides its time: one checked value, and the words in which it is sent."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jobqueue.dependencies import Edge
from jobqueue.errors import InvalidOption

PRIORITY_LIMIT = 1_000_000
"""Priorities are between minus this and this; higher ones go first, and 0 is that of a job without one."""


@dataclass(frozen=True, slots=True)
class Gathering:
    """Where the items lie in the specification of a job that may gather those of others.

    Attributes:
        size: how many items make the job start at once.
        max_delay: seconds after the first one when it starts in any case.
        start: how many bytes before the end of the specification the items begin.
        end: how many bytes before its end they end.
        count: how many they are.
        most: how many bytes the job may have that gathers them; what would make it longer begins another one.
    """

    size: int
    max_delay: float
    start: int
    end: int
    count: int
    most: int = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Steering:
    """What steers a job.

    Attributes:
        priority: higher ones go first.
        lifo: whether it goes before those that wait already.
        key: the key among whose jobs it takes its turn; None for none.
        expires: seconds, or a time, until which it must have started.
        dedup: the mode, the period in seconds, and the key it shares with jobs that are the same.
        gathering: whether and how it gathers the items of others; with a deduplication of the mode ``aggregate``.
        after: the jobs that it waits for.
    """

    priority: int = 0
    lifo: bool = False
    key: str | None = None
    expires: float | datetime | None = None
    dedup: tuple[str, float, str] | None = None
    gathering: Gathering | None = None
    after: tuple[Edge, ...] = ()

    def __bool__(self) -> bool:
        return self != _NOTHING

    def to_wire(self) -> str:
        """Return the words that are sent: ``name=value``, separated by spaces."""
        words = []
        if self.priority:
            words.append(f"priority={self.priority}")
        if self.lifo:
            words.append("lifo=1")
        if self.key is not None:
            words.append(f"key={self.key}")
        if self.expires is not None:
            words.append(f"expires={moment_text(self.expires)}")
        if self.dedup is not None:
            mode, period, key = self.dedup
            words.append(f"dedup={mode}:{round(period * 1000)}:{key}")
        if (found := self.gathering) is not None:
            items = f"{found.start}:{found.end}:{found.count}:{found.most}"
            words.append(f"gather={found.size}:{round(found.max_delay * 1000)}:{items}")
        if self.after:
            words.append("after=" + ",".join(edge.to_wire() for edge in self.after))
        return " ".join(words)


_NOTHING = Steering()


def moment_text(due: float | datetime) -> str:
    """Return a time as it is sent: ``+5000`` for in 5 seconds, or milliseconds since 1970."""
    if isinstance(due, datetime):
        return str(round(due.timestamp() * 1000))
    return f"+{round(due * 1000)}"


def checked_priority(value: Any) -> int:
    """Return a priority.

    Raises:
        InvalidOption: it is no whole number in the range.
    """
    if not isinstance(value, int) or isinstance(value, bool) or not -PRIORITY_LIMIT <= value <= PRIORITY_LIMIT:
        raise InvalidOption(
            f"priority must be a whole number from {-PRIORITY_LIMIT:,} to {PRIORITY_LIMIT:,} (higher goes first), not"
            f" {value!r}"
        )
    return value
