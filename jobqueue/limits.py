"""How much of a queue, a task or a key may run: values, checked when they are made."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from jobqueue.durations import seconds
from jobqueue.errors import InvalidOption

OnFull = Literal["reject", "block", "drop_oldest"]
"""What happens to a job that a queue or key has no room for."""

LIMIT_NAMES = ("concurrency", "rate", "weight", "max_size", "on_full")


@dataclass(frozen=True, slots=True, init=False)
class RateLimit:
    """How many jobs may start in a time.

    It is kept by the generic cell rate algorithm: starts are spread evenly, and ``burst`` of them may come at once
    after a lull. In any window of ``per`` seconds at most ``limit + burst`` jobs start; there is no edge at which twice
    as many get through.

    Args:
        limit: how many jobs, from 1 to 1,000,000.
        per: in how many seconds (or a ``timedelta``).
        burst: how many may start at once; a tenth of the limit, and at least one, if it is left out.

    Raises:
        InvalidOption: a value cannot work.
    """

    limit: int
    per: float
    burst: int

    def __init__(self, limit: int, per: float | timedelta = 1.0, burst: int | None = None) -> None:
        object.__setattr__(self, "limit", _whole(limit, "the limit of RateLimit", 1, 1_000_000))
        object.__setattr__(self, "per", seconds(per, "per= of RateLimit"))
        if not 0.001 <= self.per <= 31_536_000:
            raise InvalidOption(f"per= of RateLimit must be between 1 millisecond and a year, not {per!r}")
        burst = max(1, limit // 10) if burst is None else burst
        object.__setattr__(self, "burst", _whole(burst, "burst= of RateLimit", 1, 1_000_000))

    def to_wire(self) -> str:
        """Return the text that is stored: the microseconds between two starts, the burst, and how it was written."""
        return f"{self.per * 1e6 / self.limit:.6f} {self.burst} {self.limit} {self.per!r}"

    @classmethod
    def from_wire(cls, text: str) -> "RateLimit":
        """Read the stored text."""
        _, burst, limit, per = text.split()
        return cls(int(limit), float(per), int(burst))

    @classmethod
    def parse(cls, text: str) -> "RateLimit":
        """Read what people write: ``100/s``, ``500/m``, ``10/h``, ``1/d`` or ``20/30`` for 20 in 30 seconds.

        Raises:
            InvalidOption: it is none of these.
        """
        number, _, unit = text.partition("/")
        per = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}.get(unit)
        try:
            return cls(int(number), float(unit) if per is None else per)
        except ValueError as error:
            if isinstance(error, InvalidOption):
                raise
            raise InvalidOption(f"rate {text!r}: write how many in what time, as 100/s, 500/m, 10/h or 20/30") from None

    def __str__(self) -> str:
        unit = {1.0: "s", 60.0: "m", 3600.0: "h", 86_400.0: "d"}.get(self.per, f"{self.per:g}s")
        return f"{self.limit}/{unit} (burst {self.burst})"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a queue, a task or a key is limited to. What is None is not limited.

    Attributes:
        concurrency: how many jobs run at once, on all workers together; at least 1.
        rate: how many jobs start in a time.
        weight: how many turns a key gets for each one of the others, from 0.01 to 100; only for keys.
        max_size: how many jobs may be enqueued that have not begun; not for tasks.
        on_full: what happens to one job more: ``"reject"`` raises ``QueueFull`` where it is enqueued, ``"block"`` waits
            there for room, ``"drop_oldest"`` cancels the job that has waited longest.
        block_timeout: seconds for which ``"block"`` waits, before it raises ``QueueFull`` too.
    """

    concurrency: int | None = None
    rate: RateLimit | None = None
    weight: float | None = None
    max_size: int | None = None
    on_full: OnFull | None = None
    block_timeout: float | timedelta = 30.0

    def __post_init__(self) -> None:
        if self.concurrency is not None:
            _whole(self.concurrency, "concurrency", 1, 1_000_000)
        if self.rate is not None and not isinstance(self.rate, RateLimit):
            raise InvalidOption(f"rate must be a RateLimit(...), not {self.rate!r}")
        if self.weight is not None and not (_is_number(self.weight) and 0.01 <= self.weight <= 100):
            raise InvalidOption(f"weight must be between 0.01 and 100, not {self.weight!r}")
        if self.max_size is not None:
            _whole(self.max_size, "max_size", 1, 1_000_000_000)
        if self.on_full not in (None, "reject", "block", "drop_oldest"):
            raise InvalidOption(f"on_full must be 'reject', 'block' or 'drop_oldest', not {self.on_full!r}")
        object.__setattr__(self, "block_timeout", seconds(self.block_timeout, "block_timeout"))

    def check_for(self, what: Literal["queue", "task", "key"]) -> "Limits":
        """Return these limits, if they make sense for what they are given to.

        Raises:
            InvalidOption: one of them does not.
        """
        if self.weight is not None and what != "key":
            raise InvalidOption(f"a {what} has no weight: keys have, which take turns")
        if what == "task" and (self.max_size is not None or self.on_full is not None):
            raise InvalidOption("a task has no max_size: give one to its queue, or to each key")
        return self

    def to_wire(self) -> Mapping[str, str]:
        """Return the texts that are stored, by the names of the limits that are given."""
        found: dict[str, str] = {}
        if self.concurrency is not None:
            found["concurrency"] = str(self.concurrency)
        if self.rate is not None:
            found["rate"] = self.rate.to_wire()
        if self.weight is not None:
            found["weight"] = f"{self.weight:g}"
        if self.max_size is not None:
            found["max_size"] = str(self.max_size)
        if self.on_full is not None:
            wait = f" {round(seconds(self.block_timeout, 'block_timeout') * 1000)}"
            found["on_full"] = self.on_full + (wait if self.on_full == "block" else "")
        return found

    @classmethod
    def from_wire(cls, texts: Mapping[str, str]) -> "Limits":
        """Read the stored texts."""
        options: dict[str, Any] = {}
        for name, text in texts.items():
            match name:
                case "concurrency" | "max_size":
                    options[name] = int(text)
                case "rate":
                    options[name] = RateLimit.from_wire(text)
                case "weight":
                    options[name] = float(text)
                case "on_full":
                    policy, _, wait = text.partition(" ")
                    options[name] = policy
                    if wait:
                        options["block_timeout"] = int(wait) / 1000
        return cls(**options)


def _whole(value: Any, what: str, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise InvalidOption(f"{what} must be a whole number between {least:,} and {most:,}, not {value!r}")
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
