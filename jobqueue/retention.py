"""How long ended jobs are kept."""

from dataclasses import dataclass, field
from datetime import timedelta

from jobqueue.durations import seconds
from jobqueue.errors import InvalidOption

DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Keep:
    """A bound on the jobs that are kept in one state; whichever is reached first counts.

    Args:
        age: seconds (or a ``timedelta``) since the job ended.
        count: how many jobs; 0 keeps none.

    Raises:
        InvalidOption: a value is negative or of another type.
    """

    age: float = DAY
    count: int = 10_000

    def __init__(self, age: float | timedelta = DAY, count: int = 10_000) -> None:
        if isinstance(count, bool) or not isinstance(count, int) or count < 0:
            raise InvalidOption(f"Keep(count=...) must be a whole number from 0, not {count!r}")
        object.__setattr__(self, "age", seconds(age, "Keep(age=...)"))
        object.__setattr__(self, "count", count)

    @property
    def nothing(self) -> bool:
        """Whether no job is kept at all."""
        return self.count == 0 or self.age == 0


@dataclass(frozen=True, slots=True)
class Retention:
    """How long completed, failed and cancelled jobs are kept, and with them results and errors.

    Args:
        completed: one day, at most 10,000 jobs.
        failed: seven days, at most 10,000 jobs.
        cancelled: one day, at most 10,000 jobs.
    """

    completed: Keep = field(default_factory=Keep)
    failed: Keep = field(default_factory=lambda: Keep(7 * DAY))
    cancelled: Keep = field(default_factory=Keep)
