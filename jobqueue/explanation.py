"""Why a job does not run: values that programs can act on and people can read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, get_args

from jobqueue.job import JobState

ReasonCode = Literal[
    "paused",
    "concurrency",
    "rate",
    "held",
    "parked",
    "no_worker",
    "workers_quiet",
    "task_unknown",
    "version_unknown",
    "workers_busy",
    "delayed",
    "blocked",
    "flow_incomplete",
    "handed_over",
    "position",
    "expires",
    "active",
    "lease_over",
    "cancelling",
    "completed",
    "failed",
    "cancelled",
    "expired",
    "deduplicated",
    "ready",
]
"""What a reason is called; the codes stay the same."""

CODES: tuple[ReasonCode, ...] = get_args(ReasonCode)


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that is to be known of why a job does not run, or of what became of it.

    Attributes:
        code: what it is, for programs; see ``docs/concepts.md``.
        text: the same as a sentence, for people.
        details: what the sentence says, as values: numbers, texts, times, lists.
        holds: whether this keeps the job from running.
    """

    code: ReasonCode
    text: str
    details: Mapping[str, Any] = field(default_factory=dict)
    holds: bool = False


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a job does not run, or what became of it, at one moment.

    Attributes:
        id: the id that was asked for.
        queue: its queue.
        state: its state; None if it was taken over by another job when it was enqueued.
        task: the name of its task; empty if that cannot be read.
        reasons: all that is known, the most telling first.
        now: the server's time of all this.
    """

    id: str
    queue: str
    state: JobState | None
    task: str
    reasons: tuple[Reason, ...]
    now: datetime

    @property
    def codes(self) -> tuple[ReasonCode, ...]:
        """The codes of the reasons."""
        return tuple(reason.code for reason in self.reasons)

    def reason(self, code: ReasonCode) -> Reason | None:
        """Return the first reason of a code; None if there is none."""
        return next((reason for reason in self.reasons if reason.code == code), None)
