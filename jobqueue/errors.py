"""Every error that jobqueue raises.

    JobQueueError
    ├── InvalidJob               refused at the call; nothing reached Redis
    │   ├── InvalidArguments     (TypeError)  an argument is missing, unknown or of the wrong type
    │   ├── InvalidName          (ValueError) a queue, task or job id with characters outside the allowed set
    │   ├── InvalidOption        (ValueError) an option with a value that cannot work
    │   │   └── InvalidSchedule  a cron expression that is wrong, or means no time at all
    │   ├── UnknownOption        (TypeError)  a mistyped option
    │   ├── PayloadTooLarge      (ValueError) arguments or result over the limit
    │   ├── UnknownDependency    (LookupError) a job that is to be waited for does not exist
    │   ├── DependencyCycle      (ValueError) a job would wait for itself in the end
    │   └── TaskNotIncluded      the task belongs to a task set that no application has included
    ├── QueueFull                the queue or the key has as many jobs as its max_size allows
    ├── NotDurable               the jobs are enqueued, but not known to be as safe as was asked for
    ├── QueueInUse               the queue is to be deleted, and workers serve it or jobs run
    ├── InvalidURL               (ValueError) a Redis URL that cannot be understood
    ├── TaskAlreadyDefined       two functions under one task name
    ├── UnknownTask              (LookupError) the application has no task of this name
    ├── JobNotFound              (LookupError) no job has this id: it never existed, or was removed or pruned
    ├── ScheduleNotFound         (LookupError) there is no schedule of this id
    ├── ScheduleConflict         the schedule is in the code of an application, and is changed there
    ├── WorkerNotFound           (LookupError) no live worker has this id
    ├── AmbiguousJob             (LookupError) more than one job is meant by the beginning of an id
    ├── JobConflict              the job is not in a state in which this can be done
    ├── JobFailed                the result was asked of a job that failed
    ├── JobCancelled             the result was asked of a job that was cancelled
    │   └── JobExpired           it was dropped, because it did not start in time
    ├── JobTimeout               an attempt took longer than its timeout; it ends in the job's history
    ├── ResultTimeout            (TimeoutError) the job did not end while somebody waited for it
    ├── UnreadableResult         (ValueError) the result does not fit the annotation of its task
    ├── NotInsideJob             (LookupError) current_job() was called outside a job
    ├── ServerError              what Redis answered
    │   ├── ServerUnavailable    no answer, or one that says "not now": try again later
    │   ├── ServerFull           Redis is at its memory limit and refuses new jobs
    │   └── ServerRefused        wrong password, missing permission, or a server that is too old
    └── EmbeddedServerError      the embedded server could not be found or started

Signals, which a job raises to say how it ended, are not errors: see ``jobqueue.signals``.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class JobQueueError(Exception):
    """The root of all errors of jobqueue."""


class InvalidJob(JobQueueError):
    """The job was refused before anything was sent."""


class InvalidArguments(InvalidJob, TypeError):
    """The arguments do not fit the signature of the task."""


class InvalidName(InvalidJob, ValueError):
    """A name has characters that are not allowed."""


class InvalidOption(InvalidJob, ValueError):
    """An option has a value that cannot work."""


class InvalidSchedule(InvalidOption):
    """A cron expression is wrong, or means no time at all."""


class UnknownOption(InvalidJob, TypeError):
    """An option does not exist."""


class PayloadTooLarge(InvalidJob, ValueError):
    """The JSON text of a job or of its result is over the limit."""


class TaskNotIncluded(InvalidJob):
    """The task set of this task has not been included by an application."""


class UnknownDependency(InvalidJob, LookupError):
    """A job that is to be waited for does not exist: it was removed, its retention has passed, or it never existed."""


class DependencyCycle(InvalidJob, ValueError):
    """A job would wait for itself in the end."""


class QueueFull(JobQueueError):
    """The queue, or the key, has as many jobs as its ``max_size`` allows.

    Attributes:
        queue: the name of the queue.
        refused: how many of the jobs were refused.
        enqueued: how many were enqueued before them.
        unconfirmed: those that were enqueued, each with its queue and its id, of which it is not known whether they are
            as safe as their ``durability`` says; see ``NotDurable``.
    """

    def __init__(self, queue: str, refused: int, enqueued: int, unconfirmed: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(queue, refused, enqueued, unconfirmed)
        self.queue = queue
        self.refused = refused
        self.enqueued = enqueued
        self.unconfirmed = unconfirmed

    def __str__(self) -> str:
        total = self.refused + self.enqueued
        what = "the job was refused" if total == 1 else f"{self.refused} of {total} jobs were refused"
        text = f"queue {self.queue!r} is full (max_size): {what}. Try again later, or raise the limit"
        if self.unconfirmed:
            named = ", ".join(f"{job_id} in {queue}" for queue, job_id in self.unconfirmed[:3])
            more = f" and {len(self.unconfirmed) - 3:,} more" if len(self.unconfirmed) > 3 else ""
            text += f". Enqueued, but not confirmed to be as safe as their durability says: {named}{more}"
        return text


class NotDurable(JobQueueError):
    """The jobs are enqueued, and run; but it is not known whether they are as safe as was asked for.

    Enqueueing them again with the same ids adds nothing, and waits once more.

    Attributes:
        durability: what was asked for, ``"replica"`` or ``"fsync"``.
        jobs: the jobs of which it is not known, each with its queue and its id.
        reason: why it is not known.
    """

    def __init__(self, durability: str, jobs: tuple[tuple[str, str], ...], reason: str) -> None:
        super().__init__(durability, jobs, reason)
        self.durability = durability
        self.jobs = jobs
        self.reason = reason

    @property
    def job_ids(self) -> tuple[str, ...]:
        """The ids of the jobs."""
        return tuple(job_id for _, job_id in self.jobs)

    def __str__(self) -> str:
        named = ", ".join(f"{job_id} in {queue}" for queue, job_id in self.jobs[:3])
        more = f" and {len(self.jobs) - 3:,} more" if len(self.jobs) > 3 else ""
        verb, them = ("is", "it") if len(self.jobs) == 1 else ("are", "them")
        return (
            f"{named}{more} {verb} enqueued, but for now perhaps only in the memory of one server"
            f" (durability={self.durability!r}): {self.reason}. To wait once more, enqueue {them} again with the same"
            " id: that adds no other job"
        )


class QueueInUse(JobQueueError):
    """The queue is to be deleted, and workers serve it, or jobs run.

    Attributes:
        queue: the name of the queue.
        active: how many jobs run.
        workers: how many workers serve it.
    """

    def __init__(self, queue: str, active: int, workers: int) -> None:
        super().__init__(queue, active, workers)
        self.queue = queue
        self.active = active
        self.workers = workers

    def __str__(self) -> str:
        workers = f"{self.workers} worker{'' if self.workers == 1 else 's'}"
        found = f"{workers} serve{'s' if self.workers == 1 else ''} it, and {self.active} of its jobs run"
        return f"queue {self.queue!r} is in use: {found}. Stop the workers first, or force it"


class InvalidURL(JobQueueError, ValueError):
    """A Redis URL cannot be understood."""


class TaskAlreadyDefined(JobQueueError):
    """A task of this name exists already."""


class UnknownTask(JobQueueError, LookupError):
    """The application has no task of this name."""


class JobNotFound(JobQueueError, LookupError):
    """No job has this id."""

    # Here and below the arguments are kept as they are, not the text: an error is rebuilt from them when it is copied,
    # or leaves a process pool.
    def __init__(self, job_id: str, queue: str | None) -> None:
        super().__init__(job_id, queue)
        self.job_id = job_id
        self.queue = queue

    def __str__(self) -> str:
        place = f"no job {self.job_id!r} in queue {self.queue!r}"
        if self.queue is None:
            place = f"no queue has a job {self.job_id!r}"
        return f"{place}: it never existed, was removed, or its retention has passed"


class ScheduleNotFound(JobQueueError, LookupError):
    """There is no schedule of this id."""


class ScheduleConflict(JobQueueError):
    """The schedule is in the code of an application, and is changed there."""


class WorkerNotFound(JobQueueError, LookupError):
    """No live worker has this id."""


class AmbiguousJob(JobQueueError, LookupError):
    """More than one job is meant by an id, or by the beginning of one.

    Attributes:
        job_id: what was asked for.
        candidates: some of the jobs, each with its queue and its id.
    """

    def __init__(self, job_id: str, candidates: tuple[tuple[str, str], ...]) -> None:
        super().__init__(job_id, candidates)
        self.job_id = job_id
        self.candidates = candidates

    def __str__(self) -> str:
        if all(job_id == self.job_id for _, job_id in self.candidates):
            queues = " and ".join(queue for queue, _ in self.candidates)
            return f"queues {queues} have a job {self.job_id!r} each: name the queue"
        jobs = ", ".join(f"{job_id} in {queue}" for queue, job_id in self.candidates)
        return f"more than one job begins with {self.job_id!r}: {jobs}: write more of the id"


class JobConflict(JobQueueError):
    """The job is not in a state in which this can be done."""


class JobFailed(JobQueueError):
    """The job failed for good.

    Attributes:
        job_id: the id of the job.
        error_type: the name of the exception's class in the worker, as text.
        error_message: its message.
        traceback: the traceback in the worker, as text; empty where there was none.
    """

    def __init__(self, job_id: str, error_type: str, error_message: str, traceback: str) -> None:
        super().__init__(job_id, error_type, error_message, traceback)
        self.job_id = job_id
        self.error_type = error_type
        self.error_message = error_message
        self.traceback = traceback

    def __str__(self) -> str:
        text = f"job {self.job_id} failed: {self.error_type}: {self.error_message}"
        return f"{text}\n\n{self.traceback}" if self.traceback else text


class JobCancelled(JobQueueError):
    """The job was cancelled."""

    def __init__(self, job_id: str, reason: str) -> None:
        super().__init__(job_id, reason)
        self.job_id = job_id
        self.reason = reason

    def __str__(self) -> str:
        return f"job {self.job_id} was cancelled" + (f": {self.reason}" if self.reason else "")


class JobExpired(JobCancelled):
    """The job was dropped, because it did not start before its time was over."""


class JobTimeout(JobQueueError):
    """An attempt took longer than its timeout allows. Name it in ``Retry(on=..., never=...)``."""


class ResultTimeout(JobQueueError, TimeoutError):
    """The job did not end in time. It goes on; ask again."""


class UnreadableResult(JobQueueError, ValueError):
    """The stored result does not fit the annotation of its task: the function returned something else, or changed."""


class NotInsideJob(JobQueueError, LookupError):
    """There is no current job: the code is not being run by a worker."""


class ServerError(JobQueueError):
    """Redis answered with an error."""


class ServerUnavailable(ServerError):
    """Redis does not answer, or cannot now."""


class ServerFull(ServerError):
    """Redis has reached its memory limit and takes no new jobs until workers have freed some."""


class ServerRefused(ServerError):
    """Redis refuses the command: credentials, permissions, or a server older than 6.2."""


class EmbeddedServerError(JobQueueError):
    """The embedded server could not be found or started."""


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return `` (did you mean 'x'?)`` for the nearest known name, or an empty text."""
    nearest = get_close_matches(name, list(known), n=1)
    return f" (did you mean {nearest[0]!r}?)" if nearest else ""
