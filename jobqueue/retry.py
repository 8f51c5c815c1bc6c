"""When a failed attempt is made again, and after how long."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from jobqueue.durations import seconds
from jobqueue.errors import InvalidOption, UnknownOption, suggestion

BackoffFunction = Callable[[int, BaseException], float | timedelta]


@dataclass(frozen=True, slots=True)
class Fixed:
    """Wait the same time before each attempt.

    Attributes:
        delay: seconds.
    """

    delay: float

    def __call__(self, failures: int, error: BaseException) -> float:
        """Return the seconds to wait."""
        return self.delay


@dataclass(frozen=True, slots=True)
class Table:
    """Wait the times of a table, one after the other; the last one repeats.

    Attributes:
        delays: seconds before the second attempt, the third, and so on.
    """

    delays: tuple[float, ...]

    def __call__(self, failures: int, error: BaseException) -> float:
        """Return the seconds to wait."""
        return self.delays[min(failures, len(self.delays)) - 1]


@dataclass(frozen=True, slots=True)
class Exponential:
    """Wait longer after each failure: ``base * factor ** (failures - 1)`` seconds, at most ``cap``.

    With jitter, the wait is drawn evenly between zero and that time ("full jitter", Marc Brooker, AWS Architecture
    Blog, 2015), so that jobs that failed together do not come back together.

    Attributes:
        base: seconds after the first failure.
        factor: by which the wait grows with each further failure.
        cap: the longest wait, in seconds.
        jitter: whether the wait is drawn at random below the computed one.
    """

    base: float = 2.0
    factor: float = 2.0
    cap: float = 3600.0
    jitter: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "base", seconds(self.base, "the base of Exponential"))
        object.__setattr__(self, "cap", seconds(self.cap, "the cap of Exponential"))
        is_number = isinstance(self.factor, int | float) and not isinstance(self.factor, bool)
        if not is_number or not 1 <= self.factor <= 1000:
            raise InvalidOption(f"the factor of Exponential must be between 1 and 1000, not {self.factor!r}")
        if not isinstance(self.jitter, bool):
            raise InvalidOption(f"the jitter of Exponential must be True or False, not {self.jitter!r}")

    def __call__(self, failures: int, error: BaseException) -> float:
        """Return the seconds to wait."""
        try:
            wait = min(self.cap, self.base * float(self.factor) ** (failures - 1))
        except OverflowError:  # the power is beyond any cap
            wait = self.cap if self.base else 0.0
        return random.uniform(0, wait) if self.jitter else wait


Backoff = float | timedelta | Sequence[float | timedelta] | Fixed | Table | Exponential | BackoffFunction


@dataclass(frozen=True)
class Retry:
    """How often a job is tried, and how long it waits in between.

    Args:
        attempts: how often it is run at most before it counts as failed for good; 1 means no second try.
        backoff: the wait before the next attempt: a number of seconds or a ``timedelta`` (always the same), a sequence
            of them (one after the other, the last repeats), ``Exponential(...)``, or a function that gets the number of
            failures so far (1, 2, ...) and the exception and returns the wait.
        on: exception types that are worth another attempt; all others fail the job at once.
        never: exception types that are not, even if ``on`` includes them.

    Raises:
        InvalidOption: a value cannot work.
    """

    attempts: int = 3
    backoff: Backoff = field(default_factory=Exponential)
    on: tuple[type[BaseException], ...] | type[BaseException] = (Exception,)
    never: tuple[type[BaseException], ...] | type[BaseException] = ()

    def __post_init__(self) -> None:
        if isinstance(self.attempts, bool) or not isinstance(self.attempts, int) or not 1 <= self.attempts <= 1_000_000:
            raise InvalidOption(
                f"Retry(attempts=...) must be a whole number from 1 to 1,000,000, not {self.attempts!r}"
            )
        object.__setattr__(self, "backoff", _backoff(self.backoff))
        object.__setattr__(self, "on", _exception_types(self.on, "on"))
        object.__setattr__(self, "never", _exception_types(self.never, "never"))

    def allows(self, failures: int, error: BaseException) -> bool:
        """Tell whether a job that has failed this often, this time with this error, is tried again."""
        return failures < self.attempts and isinstance(error, self.on) and not isinstance(error, self.never)

    def delay(self, failures: int, error: BaseException) -> float:
        """Return the seconds to wait after this many failures.

        Raises:
            InvalidOption: a backoff function returned something that is not a duration.
        """
        assert callable(self.backoff)
        return seconds(self.backoff(failures, error), "what the backoff function returns")

    def to_wire(self) -> dict[str, Any]:
        """Return the JSON object that travels with a job whose policy differs from its task's.

        Raises:
            InvalidOption: the policy has parts that live in code only.
        """
        if self.on != (Exception,) or self.never != ():
            raise InvalidOption("exception types cannot travel with a job: set retry= where the task is defined")
        match self.backoff:
            case Fixed(delay):
                backoff: Any = delay
            case Table(delays):
                backoff = list(delays)
            case Exponential(base, factor, cap, jitter):
                backoff = {"base": base, "factor": factor, "cap": cap, "jitter": jitter}
            case _:
                raise InvalidOption("a backoff function cannot travel with a job: set retry= where the task is defined")
        return {"attempts": self.attempts, "backoff": backoff}

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any], code: "Retry") -> "Retry":
        """Return the policy that came with a job; the exception types are those of the code.

        Raises:
            InvalidOption: a value cannot work.
            UnknownOption: the object has a member that is not known.
        """
        for name in wire:
            if name not in ("attempts", "backoff"):
                raise UnknownOption(f"retry has no member {name!r}{suggestion(name, ('attempts', 'backoff'))}")
        backoff = wire.get("backoff", code.backoff)
        if isinstance(backoff, dict):
            try:
                backoff = Exponential(**backoff)
            except TypeError as error:
                raise InvalidOption(f"backoff {backoff!r}: {error}") from error
        return cls(wire.get("attempts", code.attempts), backoff, code.on, code.never)


def as_retry(value: Retry | int) -> Retry:
    """Return a policy; a bare number is a number of attempts."""
    return value if isinstance(value, Retry) else Retry(attempts=value)


def _backoff(value: Backoff) -> BackoffFunction:
    if isinstance(value, Fixed):
        return Fixed(seconds(value.delay, "the backoff"))
    if isinstance(value, Table):
        value = value.delays
    if isinstance(value, str | bytes | type):  # sequences, or callable, but not in a way that is meant
        raise InvalidOption(f"the backoff must be seconds, a sequence of them or a function, not {value!r}")
    if callable(value):
        return value
    if isinstance(value, Sequence):
        if not value:
            raise InvalidOption("a backoff table needs at least one delay")
        return Table(tuple(seconds(delay, "a delay of the backoff table") for delay in value))
    return Fixed(seconds(value, "the backoff"))


def _exception_types(
    value: tuple[type[BaseException], ...] | type[BaseException], name: str
) -> tuple[type[BaseException], ...]:
    types = value if isinstance(value, tuple) else (value,)
    for kind in types:
        if not (isinstance(kind, type) and issubclass(kind, BaseException)):
            raise InvalidOption(f"Retry({name}=...) takes exception types, not {kind!r}")
    return types
