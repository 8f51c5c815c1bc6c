"""How an execution ended, as a value: decided by the worker, written by one script.

Every body is one line of JSON, because that is how the store keeps it.
"""

from dataclasses import dataclass
from typing import ClassVar

from pydantic_core import to_json

from jobqueue.job import OutcomeKind


@dataclass(frozen=True, slots=True)
class ErrorText:
    """An exception as text: the only form in which one leaves the process that raised it.

    Attributes:
        type: the name of its class.
        message: its message.
        traceback: its traceback, empty where there is none.
    """

    type: str
    message: str
    traceback: str = ""

    def to_json(self, fingerprint: str = "") -> bytes:
        """Return the JSON object that is stored.

        Args:
            fingerprint: that of the error, for a job that has failed: the store has an index of them.
        """
        # The scripts look for it at the very beginning.
        members = {"fingerprint": fingerprint} if fingerprint else {}
        members |= {"type": self.type, "message": self.message}
        if self.traceback:
            members["traceback"] = self.traceback
        return to_json(members)


@dataclass(frozen=True, slots=True)
class Completed:
    """The job is done.

    Attributes:
        result: the JSON text of what the function returned.
        result_ttl: seconds the job is kept, where that differs from the queue's retention; 0 keeps nothing.
    """

    kind: ClassVar[OutcomeKind] = OutcomeKind.COMPLETED
    result: bytes
    result_ttl: float | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """The job has failed for good."""

    kind: ClassVar[OutcomeKind] = OutcomeKind.FAILED
    error: ErrorText


@dataclass(frozen=True, slots=True)
class Retried:
    """The attempt failed; the next one is due after ``delay`` seconds."""

    kind: ClassVar[OutcomeKind] = OutcomeKind.RETRIED
    error: ErrorText
    delay: float


@dataclass(frozen=True, slots=True)
class Snoozed:
    """The job asked to be run again after ``delay`` seconds."""

    kind: ClassVar[OutcomeKind] = OutcomeKind.SNOOZED
    delay: float


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The job was called off."""

    kind: ClassVar[OutcomeKind] = OutcomeKind.CANCELLED
    reason: str


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The worker shuts down and hands the job back."""

    kind: ClassVar[OutcomeKind] = OutcomeKind.INTERRUPTED
    reason: str


@dataclass(frozen=True, slots=True)
class Lost:
    """The process that ran the job died."""

    kind: ClassVar[OutcomeKind] = OutcomeKind.LOST
    cause: str


@dataclass(frozen=True, slots=True)
class Parked:
    """This worker cannot run the job; another may.

    Attributes:
        task: the task that a worker must know to get the job.
        fingerprint: the version of that task's signature which could not read the arguments; empty if the task is
            unknown here. A worker with another one gets the job. See ``versions.newer`` for jobs of a newer version.
        reason: why, for people.
    """

    kind: ClassVar[OutcomeKind] = OutcomeKind.PARKED
    task: str
    fingerprint: str
    reason: str


@dataclass(frozen=True, slots=True)
class Limited:
    """The job was told to slow down: what it names rests for ``delay`` seconds, and the job is run again then.

    Attributes:
        gate: ``queue``, ``task:NAME`` or ``key:KEY``.
        delay: seconds.
    """

    kind: ClassVar[OutcomeKind] = OutcomeKind.LIMITED
    gate: str
    delay: float


@dataclass(frozen=True, slots=True)
class Blocked:
    """The job waits for others, and is run again when they have ended.

    Attributes:
        edges: which ones, as ``Edge.to_wire`` has it, separated by commas.
    """

    kind: ClassVar[OutcomeKind] = OutcomeKind.BLOCKED
    edges: str


Outcome = Completed | Failed | Retried | Snoozed | Cancelled | Interrupted | Lost | Parked | Limited | Blocked
