"""What code can ask and say about the job that is running it."""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from datetime import datetime
from typing import Any, Protocol

from pydantic_core import from_json, to_json

from jobqueue.dependencies import Dependency
from jobqueue.errors import InvalidOption, NotInsideJob, PayloadTooLarge
from jobqueue.job import moment

PROGRESS_LIMIT = 64 * 1024
"""Bytes that the JSON text of a job's progress may have."""

LINE_LIMIT = 4 * 1024
"""Characters of a log line that are kept."""

# A call of a batch task runs for many jobs, so none of them is the current one.
_current: ContextVar["JobContext | tuple[JobContext, ...]"] = ContextVar("jobqueue.current_job")


class Bonds(Protocol):
    """What knows the jobs that a job has waited for: a handle to it."""

    def dependencies(self) -> list[Dependency]:
        """Return them."""
        ...

    async def adependencies(self) -> list[Dependency]:
        """Return them."""
        ...


class JobContext:
    """The job that is running.

    Attributes:
        id: its id: the idempotency key for what it does elsewhere.
        task: the name of its task.
        queue: the name of its queue.
        attempt: which attempt this is, counted from 1.
        max_attempts: how many there are at most.
        token: the fencing token of this execution: higher than that of any earlier execution in the queue.
        meta: what was given as ``meta`` when it was enqueued.
        key: the key among whose jobs it takes its turn; None for none.
        deadline: when it will be stopped for taking too long; None if it has no timeout.
        slot: the slot of the schedule that started it: the time for which it runs, however late; None for none.
    """

    def __init__(
        self,
        *,
        id: str,
        task: str,
        queue: str,
        attempt: int,
        max_attempts: int,
        token: int,
        meta: Mapping[str, Any],
        created_at: int | None,
        deadline: datetime | None,
        spoke: Callable[["JobContext"], None],
        key: str | None = None,
        slot: datetime | None = None,
        bonds: Callable[[str, str], Bonds] | None = None,
    ) -> None:
        self.id = id
        self.task = task
        self.queue = queue
        self.attempt = attempt
        self.max_attempts = max_attempts
        self.token = token
        self.meta = meta
        self._created_at = created_at
        self.deadline = deadline
        self.key = key
        self.slot = slot
        self._bonds = bonds
        self._cancelled = False
        self._spoke = spoke
        self._progress = self._progress_taken = b""
        self._lines: list[str] = []
        self._lines_taken = 0
        self._announced = False

    def __repr__(self) -> str:
        return f"<JobContext {self.task} {self.id} attempt {self.attempt}>"

    @property
    def enqueued_at(self) -> datetime | None:
        """When it was enqueued."""
        return None if self._created_at is None else moment(self._created_at)

    @property
    def cancelled(self) -> bool:
        """Whether the job is to stop: it was called off, has overrun its timeout, or was given to another worker.

        An ``async`` task is cancelled and a process killed; a thread must look here now and then, and raise: any
        exception will do. A function that returns has completed its job all the same. The shutdown of a worker does not
        show here: what does not end in time is handed back, and runs again from its beginning.
        """
        return self._cancelled

    def dependencies(self) -> list[Dependency]:
        """Return the jobs that this one has waited for, with their results and errors, in their order.

        Those are left out that did not complete and were to be ignored. In ``async`` code use ``adependencies``.

        Raises:
            ServerError: Redis refuses or is not available.
        """
        return [] if self._bonds is None else self._bonds(self.queue, self.id).dependencies()

    async def adependencies(self) -> list[Dependency]:
        """See ``dependencies``."""
        return [] if self._bonds is None else await self._bonds(self.queue, self.id).adependencies()

    def progress(self, value: Any) -> None:
        """Say how far the job is. It is kept shortly after, without waiting; only the latest value counts.

        Args:
            value: a fraction from 0 to 1, or any JSON value.

        Raises:
            InvalidOption: the value has no form in JSON.
            PayloadTooLarge: its JSON text is over 64 KiB.
        """
        try:
            text = to_json(value, inf_nan_mode="strings")
            if len(text) <= PROGRESS_LIMIT:
                from_json(text)  # whoever looks at the job must be able to read it: not if it is nested too deep
        except ValueError as error:
            raise InvalidOption(f"progress({type(value).__name__}): {error}") from None
        if len(text) > PROGRESS_LIMIT:
            raise PayloadTooLarge(f"the progress is {len(text):,} bytes of JSON, over the limit of {PROGRESS_LIMIT:,}")
        self._progress = text
        self._speak()

    def log(self, text: str) -> None:
        """Write a line to the job's own log. It is kept shortly after, without waiting.

        Args:
            text: the line, of which 4,096 characters are kept. Of the whole log the latest 64 KiB are.
        """
        # The name of a file may hold bytes that are no text: they are shown as \\udcff rather than refused.
        line = str(text)[:LINE_LIMIT].encode("utf-8", "backslashreplace").decode("utf-8")
        self._lines.append(line[:LINE_LIMIT])
        self._speak()

    def stop(self) -> None:
        """Say that the job is to stop: for the worker."""
        self._cancelled = True

    def hear(self, progress: bytes, lines: list[str]) -> None:
        """Take over what the job has said in a process of its own: for the worker."""
        if progress:
            self._progress = progress
        self._lines += lines
        self._speak()

    def take(self) -> tuple[bytes, int, list[str]]:
        """Return and forget what is to be kept: for the worker.

        Returns:
            The progress, empty if it has not changed; how many lines were taken before; the new lines.
        """
        # A thread may speak while this runs, so nothing is cleared that has not been read.
        self._announced = False
        progress, told = self._progress, self._progress_taken
        self._progress_taken = progress
        count = len(self._lines)
        lines = self._lines[:count]
        del self._lines[:count]
        before, self._lines_taken = self._lines_taken, self._lines_taken + count
        return b"" if progress is told else progress, before, lines

    def _speak(self) -> None:
        if not self._announced:
            self._announced = True
            self._spoke(self)


def current_job() -> JobContext:
    """Return the job that is running this code: in the task itself, in what it calls, and in middleware.

    Raises:
        NotInsideJob: no job runs this code, or many do, in a batch task.
    """
    current = _entered("current_job()")
    if isinstance(current, tuple):
        raise NotInsideJob(
            "current_job() was called in a batch task, which runs many jobs in one call: current_batch() returns them"
            " all, in the order of the items"
        )
    return current


def current_batch() -> tuple[JobContext, ...]:
    """Return the jobs that one call of a batch task runs, in the order of its items.

    Raises:
        NotInsideJob: no batch task runs this code.
    """
    current = _entered("current_batch()")
    if not isinstance(current, tuple):
        raise NotInsideJob("current_batch() was called in a task without batch=: current_job() returns its one job")
    return current


enter: Callable[[JobContext | tuple[JobContext, ...]], object] = _current.set
"""Makes a job, or those of a batch, the current ones: for the worker."""


def _entered(who: str) -> JobContext | tuple[JobContext, ...]:
    try:
        return _current.get()
    except LookupError:
        raise NotInsideJob(f"{who} was called outside a job: nothing runs this code for a queue") from None
