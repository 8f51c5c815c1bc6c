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
    from jobqueue.aggregate import Aggregate
    from jobqueue.app import JobQueue
    from jobqueue.batch import Batch
    from jobqueue.configuration import Configuration
    from jobqueue.context import JobContext, current_batch, current_job
    from jobqueue.cron import Cron
    from jobqueue.dedup import Dedup
    from jobqueue.dependencies import After, Dependency
    from jobqueue.encryption import Encryption
    from jobqueue.errors import (
        AmbiguousJob,
        DependencyCycle,
        EmbeddedServerError,
        InvalidArguments,
        InvalidJob,
        InvalidName,
        InvalidOption,
        InvalidSchedule,
        InvalidURL,
        JobCancelled,
        JobConflict,
        JobExpired,
        JobFailed,
        JobNotFound,
        JobQueueError,
        JobTimeout,
        NotDurable,
        NotInsideJob,
        PayloadTooLarge,
        QueueFull,
        QueueInUse,
        ResultTimeout,
        ScheduleConflict,
        ScheduleNotFound,
        ServerError,
        ServerFull,
        ServerRefused,
        ServerUnavailable,
        TaskAlreadyDefined,
        TaskNotIncluded,
        UnknownDependency,
        UnknownOption,
        UnknownTask,
        UnreadableResult,
        WorkerNotFound,
    )
    from jobqueue.events import JobEnded, JobEvent, JobStarted
    from jobqueue.explanation import Explanation, Reason
    from jobqueue.flow import Flow, Group, chain, chord, group
    from jobqueue.handle import JobHandle
    from jobqueue.inspection import Inspection
    from jobqueue.job import Counts, Execution, JobInfo, JobState, OutcomeKind
    from jobqueue.limits import Limits, RateLimit
    from jobqueue.middleware import CallNext
    from jobqueue.queue import Queue
    from jobqueue.retention import Keep, Retention
    from jobqueue.retry import Exponential, Retry
    from jobqueue.schedule import Every, Schedule
    from jobqueue.schedules import Schedules
    from jobqueue.signals import Cancel, RateLimited, RetryAfter, Snooze, WaitFor
    from jobqueue.signing import Signing
    from jobqueue.store.inspect import WorkerInfo
    from jobqueue.store.schedules import ScheduleInfo, Slot
    from jobqueue.task import AsyncTask, Draft, SyncTask, Task
    from jobqueue.taskset import TaskSet
    from jobqueue.timeline import Timeline, TimelineEntry
    from jobqueue.workers import Workers

__all__ = [
    "After",
    "Aggregate",
    "AmbiguousJob",
    "AsyncTask",
    "Batch",
    "CallNext",
    "Cancel",
    "Configuration",
    "Counts",
    "Cron",
    "Dedup",
    "Dependency",
    "DependencyCycle",
    "Draft",
    "EmbeddedServerError",
    "Encryption",
    "Every",
    "Execution",
    "Explanation",
    "Exponential",
    "Flow",
    "Group",
    "Inspection",
    "InvalidArguments",
    "InvalidJob",
    "InvalidName",
    "InvalidOption",
    "InvalidSchedule",
    "InvalidURL",
    "JobCancelled",
    "JobConflict",
    "JobContext",
    "JobEnded",
    "JobEvent",
    "JobExpired",
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
    "Limits",
    "NotDurable",
    "NotInsideJob",
    "OutcomeKind",
    "PayloadTooLarge",
    "Queue",
    "QueueFull",
    "QueueInUse",
    "RateLimit",
    "RateLimited",
    "Reason",
    "ResultTimeout",
    "Retention",
    "Retry",
    "RetryAfter",
    "Schedule",
    "ScheduleConflict",
    "ScheduleInfo",
    "ScheduleNotFound",
    "Schedules",
    "ServerError",
    "ServerFull",
    "ServerRefused",
    "ServerUnavailable",
    "Signing",
    "Slot",
    "Snooze",
    "SyncTask",
    "Task",
    "TaskAlreadyDefined",
    "TaskNotIncluded",
    "TaskSet",
    "Timeline",
    "TimelineEntry",
    "UnknownDependency",
    "UnknownOption",
    "UnknownTask",
    "UnreadableResult",
    "WaitFor",
    "WorkerInfo",
    "WorkerNotFound",
    "Workers",
    "__version__",
    "chain",
    "chord",
    "current_batch",
    "current_job",
    "group",
]

_HOMES = {
    "aggregate": "Aggregate",
    "app": "JobQueue",
    "batch": "Batch",
    "configuration": "Configuration",
    "context": "JobContext current_batch current_job",
    "cron": "Cron",
    "dedup": "Dedup",
    "dependencies": "After Dependency",
    "encryption": "Encryption",
    "errors": (
        "AmbiguousJob DependencyCycle EmbeddedServerError InvalidArguments InvalidJob InvalidName InvalidOption"
        " InvalidSchedule InvalidURL JobCancelled JobConflict JobExpired JobFailed JobNotFound JobQueueError JobTimeout"
        " NotDurable NotInsideJob"
        " PayloadTooLarge QueueFull QueueInUse ResultTimeout ScheduleConflict ScheduleNotFound"
        " ServerError ServerFull ServerRefused ServerUnavailable"
        " TaskAlreadyDefined TaskNotIncluded UnknownDependency UnknownOption UnknownTask"
        " UnreadableResult WorkerNotFound"
    ),
    "events": "JobEnded JobEvent JobStarted",
    "explanation": "Explanation Reason",
    "flow": "Flow Group chain chord group",
    "handle": "JobHandle",
    "inspection": "Inspection",
    "job": "Counts Execution JobInfo JobState OutcomeKind",
    "limits": "Limits RateLimit",
    "middleware": "CallNext",
    "queue": "Queue",
    "retention": "Keep Retention",
    "retry": "Exponential Retry",
    "schedule": "Every Schedule",
    "schedules": "Schedules",
    "signals": "Cancel RateLimited RetryAfter Snooze WaitFor",
    "signing": "Signing",
    "store.inspect": "WorkerInfo",
    "store.schedules": "ScheduleInfo Slot",
    "task": "AsyncTask Draft SyncTask Task",
    "taskset": "TaskSet",
    "timeline": "Timeline TimelineEntry",
    "workers": "Workers",
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
