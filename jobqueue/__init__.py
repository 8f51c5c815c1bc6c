"""A background job queue for Python on Redis.

::

    from jobqueue import JobQueue

    jobs = JobQueue()

    @jobs.task
    async def greet(name: str) -> str:
        return f"Hello, {name}"

    greet.enqueue("Ada")          # here; and where jobs are run: jobqueue worker app:jobs
"""

import importlib
import typing

from jobqueue.version import __version__

if typing.TYPE_CHECKING:
    from jobqueue.app import JobQueue
    from jobqueue.batch import Batch
    from jobqueue.context import JobContext, current_batch, current_job
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
        JobTimeout,
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
        UnreadableResult,
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

__all__ = [
    "AsyncTask",
    "Batch",
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
    "JobTimeout",
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
    "UnreadableResult",
    "__version__",
    "current_batch",
    "current_job",
]

_HOMES = {
    "app": "JobQueue",
    "batch": "Batch",
    "context": "JobContext current_batch current_job",
    "errors": (
        "EmbeddedServerError InvalidArguments InvalidJob InvalidName InvalidOption InvalidURL JobCancelled JobConflict"
        " JobFailed JobNotFound JobQueueError JobTimeout NotInsideJob PayloadTooLarge ResultTimeout ServerError"
        " ServerFull ServerRefused ServerUnavailable TaskAlreadyDefined TaskNotIncluded UnknownOption UnknownTask"
        " UnreadableResult"
    ),
    "events": "JobEnded JobEvent JobStarted",
    "handle": "JobHandle",
    "job": "Counts Execution JobInfo JobState OutcomeKind",
    "middleware": "CallNext",
    "queue": "Queue",
    "retention": "Keep Retention",
    "retry": "Exponential Retry",
    "signals": "Cancel RetryAfter Snooze",
    "task": "AsyncTask Draft SyncTask Task TaskSet",
}

if not typing.TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Import a public name when it is first used: `jobqueue --help` is to be quick, and uses none."""
        for module, names in _HOMES.items():
            if name in names.split():
                value = getattr(importlib.import_module(f"{__name__}.{module}"), name)
                globals()[name] = value
                return value
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
