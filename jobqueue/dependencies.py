"""Dependencies between jobs: what a job waits for, and what it is told of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args

from pydantic_core import from_json

from jobqueue.errors import InvalidOption, UnreadableResult
from jobqueue.job import Execution, OutcomeKind
from jobqueue.names import check_name

OnFailure = Literal["fail", "run", "ignore", "cancel"]
"""What becomes of a job when one that it waits for fails, is cancelled or is removed.

``"fail"``: it fails too, at once. ``"run"``: that one counts as done; the job sees how it ended. ``"ignore"``: the
same, and the job does not see it. ``"cancel"``: it fails at once, and the others that it waits for are called off.
"""


class JobReference(Protocol):
    """What names a job: a handle does."""

    @property
    def id(self) -> str:
        """Its id."""
        ...

    @property
    def queue(self) -> str:
        """The name of its queue."""
        ...


@dataclass(frozen=True, slots=True)
class After:
    """A job to wait for, and what to do if it does not complete.

    Attributes:
        job: a handle to the job; in a flow, a draft, flow or group as well.
        on_failure: see ``OnFailure``.
    """

    job: Any
    on_failure: OnFailure = "fail"

    def __post_init__(self) -> None:
        check_policy(self.on_failure)


@dataclass(frozen=True, slots=True)
class Edge:
    """A dependency as it is sent.

    Attributes:
        queue: the queue of the job that is waited for.
        id: its id.
        on_failure: see ``OnFailure``.
    """

    queue: str
    id: str
    on_failure: OnFailure

    def to_wire(self) -> str:
        """Return the text that is sent."""
        return f"{self.on_failure}:{self.queue}/{self.id}"


@dataclass(frozen=True, slots=True)
class Dependency:
    """A job that another waits for, or has waited for.

    Attributes:
        id: its id.
        queue: the name of its queue.
        on_failure: what becomes of the other if this one does not complete.
        ending: the execution that ended it; None if it has not ended, or was removed.
        removed: whether it was removed before it had ended.
        refused: why what it returned is not taken for its result; empty if it is. See ``jobqueue.signing``.
    """

    id: str
    queue: str
    on_failure: OnFailure
    ending: Execution | None
    removed: bool = False
    refused: str = ""

    @property
    def completed(self) -> bool:
        """Whether it has completed."""
        return self.ending is not None and self.ending.outcome is OutcomeKind.COMPLETED

    @property
    def result(self) -> Any:
        """What it returned, as a JSON value; None if it has not completed.

        Raises:
            UnreadableResult: it is not signed as it should be, or cannot be decrypted or read.
        """
        if self.ending is None or not self.completed:
            return None
        if self.refused:
            raise UnreadableResult(self.refused)
        try:
            return from_json(self.ending.result)
        except ValueError as error:
            raise UnreadableResult(f"the result of job {self.id} is no JSON: {error}") from None

    @property
    def error(self) -> str:
        """Why it did not complete; empty if it has, or has not ended."""
        if self.removed:
            return "it was removed"
        if self.ending is None or self.completed:
            return ""
        kind = self.ending.error_type or self.ending.outcome.value
        return f"{kind}: {self.ending.message}" if self.ending.message else kind


def check_policy(value: Any) -> OnFailure:
    """Return the policy, if there is such a one.

    Raises:
        InvalidOption: there is not.
    """
    if value not in get_args(OnFailure):
        raise InvalidOption(f"on_failure must be 'fail', 'run', 'ignore' or 'cancel', not {value!r}")
    found: OnFailure = value
    return found


def edges_of(after: Any) -> tuple[Edge, ...]:
    """Return the dependencies that are meant by ``after=``: handles, or ``After(handle, ...)``, each job once.

    Raises:
        InvalidOption: it is something else, or names a job twice.
    """
    items: Sequence[Any] = list(after) if isinstance(after, Iterable) and not isinstance(after, str) else [after]
    edges: dict[tuple[str, str], Edge] = {}
    for item in items:
        entry = item if isinstance(item, After) else After(item)
        job_id, queue = getattr(entry.job, "id", None), getattr(entry.job, "queue", None)
        if not isinstance(job_id, str) or not isinstance(queue, str):
            raise InvalidOption(f"after= takes handles of jobs, or After(handle, on_failure=...), not {item!r}")
        edge = Edge(check_name(queue, "queue"), check_name(job_id, "job id"), entry.on_failure)
        if (queue, job_id) in edges:
            raise InvalidOption(f"after= names job {job_id} twice")
        edges[queue, job_id] = edge
    return tuple(edges.values())
