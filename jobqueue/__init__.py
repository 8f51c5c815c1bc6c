"""A background job queue for Python on Redis.

::

    from jobqueue import JobQueue

    jobs = JobQueue()

    @jobs.task
    async def greet(name: str) -> str:
        return f"Hello, {name}"

    greet.enqueue("Ada")          # here; and where jobs are run: jobqueue worker app:jobs
"""

from jobqueue.app import JobQueue
from jobqueue.context import JobContext, current_job
from jobqueue.errors import (
    EmbeddedServerError,
    InvalidArguments,
    InvalidJob,
    InvalidName,
    InvalidOption,
    InvalidURL,
    JobCancelled,
    JobConflict,
    JobFailed,
    JobNotFound,
    JobQueueError,
    NotInsideJob,
    PayloadTooLarge,
    ResultTimeout,
    ServerError,
    ServerFull,
    ServerRefused,
    ServerUnavailable,
    TaskAlreadyDefined,
    TaskNotIncluded,
    UnknownOption,
    UnknownTask,
)
from jobqueue.events import JobEnded, JobEvent, JobStarted
from jobqueue.handle import JobHandle
from jobqueue.job import Counts, Execution, JobInfo, JobState, OutcomeKind
from jobqueue.middleware import CallNext
from jobqueue.queue import Queue
from jobqueue.retention import Keep, Retention
from jobqueue.retry import Exponential, Retry
from jobqueue.signals import Cancel, RetryAfter, Snooze
from jobqueue.task import AsyncTask, Draft, SyncTask, Task, TaskSet
from jobqueue.version import __version__

__all__ = [
    "AsyncTask",
    "CallNext",
    "Cancel",
    "Counts",
    "Draft",
    "EmbeddedServerError",
    "Execution",
    "Exponential",
    "InvalidArguments",
    "InvalidJob",
    "InvalidName",
    "InvalidOption",
    "InvalidURL",
    "JobCancelled",
    "JobConflict",
    "JobContext",
    "JobEnded",
    "JobEvent",
    "JobFailed",
    "JobHandle",
    "JobInfo",
    "JobNotFound",
    "JobQueue",
    "JobQueueError",
    "JobStarted",
    "JobState",
    "Keep",
    "NotInsideJob",
    "OutcomeKind",
    "PayloadTooLarge",
    "Queue",
    "ResultTimeout",
    "Retention",
    "Retry",
    "RetryAfter",
    "ServerError",
    "ServerFull",
    "ServerRefused",
    "ServerUnavailable",
    "Snooze",
    "SyncTask",
    "Task",
    "TaskAlreadyDefined",
    "TaskNotIncluded",
    "TaskSet",
    "UnknownOption",
    "UnknownTask",
    "__version__",
    "current_job",
]
