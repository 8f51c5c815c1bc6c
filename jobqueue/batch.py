"""How many jobs of a task are run in one call."""

from dataclasses import dataclass
from datetime import timedelta

from jobqueue.durations import seconds
from jobqueue.errors import InvalidOption

MOST_ITEMS = 1000
"""How many jobs one call takes at most."""

LONGEST_WAIT = 60.0
"""How many seconds a job may wait for company at most: it holds a slot meanwhile."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Run many jobs of a task in one call: ``@jobs.task(batch=Batch(size=100, wait=0.2))``.

    Args:
        size: how many jobs one call takes at most, 1 to 1,000.
        wait: seconds (or a ``timedelta``) that the first of them waits for others, at most 60.

    Raises:
        InvalidOption: a value cannot work.
    """

    size: int
    wait: float

    def __init__(self, size: int, wait: float | timedelta) -> None:
        if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= MOST_ITEMS:
            raise InvalidOption(f"Batch(size=...) must be a whole number from 1 to {MOST_ITEMS:,}, not {size!r}")
        waiting = seconds(wait, "Batch(wait=...)")
        if waiting > LONGEST_WAIT:
            raise InvalidOption(
                f"Batch(wait=...) must be at most {LONGEST_WAIT:g} seconds, not {wait!r}: jobs that wait hold a slot"
            )
        object.__setattr__(self, "size", size)
        object.__setattr__(self, "wait", waiting)
