"""Deduplication: which jobs are the same, and what becomes of the second one."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha1
from typing import Any, Literal

from pydantic_core import to_json

from jobqueue.durations import seconds
from jobqueue.errors import InvalidOption

DedupMode = Literal["until_done", "throttle", "debounce", "keep_last"]

_READABLE = re.compile(r"[A-Za-z0-9_.:@/+=-]{1,128}", re.ASCII)


@dataclass(frozen=True, slots=True, init=False)
class Dedup:
    """What makes two jobs the same, and what becomes of the second. Its call returns the job that stands.

    - ``Dedup()``: while the first has not ended, there is no second.
    - ``Dedup.throttle(60)``: one in 60 seconds, counted from when it was enqueued, whether it has ended or not.
    - ``Dedup.debounce(5)``: it starts when 5 seconds have passed without another; the last one wins.
    - ``Dedup.keep_last()``: at most one runs and one waits; the last one is the one that waits.

    With ``debounce`` and ``keep_last`` the last one takes the place of the one that waits, with its id and priority.

    Args:
        mode: one of the four.
        period: seconds (or a ``timedelta``) of throttle and debounce.
        by: the names of the parameters whose arguments make jobs the same; all of them if it is left out.
        key: the text that makes them the same, instead of task and arguments; jobs of several tasks may share one.

    Raises:
        InvalidOption: a value cannot work.
    """

    mode: DedupMode
    period: float
    by: tuple[str, ...] | None
    key: str | None

    def __init__(
        self,
        mode: DedupMode = "until_done",
        period: float | timedelta = 0,
        *,
        by: str | Sequence[str] | None = None,
        key: str | None = None,
    ) -> None:
        if mode not in ("until_done", "throttle", "debounce", "keep_last"):
            raise InvalidOption(f"Dedup({mode!r}): there are until_done, throttle, debounce and keep_last")
        if by is not None and key is not None:
            raise InvalidOption("Dedup(by=..., key=...): a key takes the place of arguments")
        object.__setattr__(self, "mode", mode)
        object.__setattr__(self, "period", seconds(period, f"the period of {mode}"))
        object.__setattr__(self, "by", None if by is None else (by,) if isinstance(by, str) else tuple(by))
        object.__setattr__(self, "key", key)
        if mode in ("throttle", "debounce") and not self.period:
            raise InvalidOption(f"Dedup.{mode}() needs a period of more than 0 seconds")
        if mode in ("until_done", "keep_last") and self.period:
            raise InvalidOption(f"Dedup.{mode}() has no period: it ends with the job")
        if key is not None and not (isinstance(key, str) and key):
            raise InvalidOption(f"the key of Dedup must be a text that is not empty, not {key!r}")

    @classmethod
    def throttle(
        cls, period: float | timedelta, *, by: str | Sequence[str] | None = None, key: str | None = None
    ) -> "Dedup":
        """Let one job through in a period."""
        return cls("throttle", period, by=by, key=key)

    @classmethod
    def debounce(
        cls, period: float | timedelta, *, by: str | Sequence[str] | None = None, key: str | None = None
    ) -> "Dedup":
        """Wait until no other has come for a period, and run the last."""
        return cls("debounce", period, by=by, key=key)

    @classmethod
    def keep_last(cls, *, by: str | Sequence[str] | None = None, key: str | None = None) -> "Dedup":
        """Let at most one run and one wait: the last."""
        return cls("keep_last", by=by, key=key)

    def shared_key(self, task: str, arguments: Mapping[str, Any], key: str | None) -> str:
        """Return the key that a job with these arguments shares with those that are the same.

        Args:
            task: the name of the task.
            arguments: the arguments by parameter name, as JSON values.
            key: the key among whose jobs it takes its turn.
        """
        # Where the last one takes the place of the first, it must belong there.
        place = f"@{key}" if key is not None and self.mode in ("debounce", "keep_last") else ""
        return self._identity(task, arguments) + place

    def _identity(self, task: str, arguments: Mapping[str, Any]) -> str:
        if self.key is not None:
            return self.key if _READABLE.fullmatch(self.key) else sha1(self.key.encode()).hexdigest()
        chosen = dict(arguments)
        if self.by is not None:
            chosen = {name: arguments[name] for name in self.by if name in arguments}
        return f"{task}:{digest(chosen)}"


def digest(arguments: Mapping[str, Any]) -> str:
    """Return a short text that is the same for the same JSON values."""
    return sha1(to_json(sorted(arguments.items()))).hexdigest()[:20]
