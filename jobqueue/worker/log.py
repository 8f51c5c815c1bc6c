"""Every line that a worker logs. The rest of the worker says what happens; the words and levels are here."""

import logging
from collections.abc import Iterable
from types import MappingProxyType
from typing import Any

from jobqueue.context import JobContext
from jobqueue.durations import format_duration
from jobqueue.errors import ServerError
from jobqueue.outcome import (
    Cancelled,
    Completed,
    ErrorText,
    Failed,
    Interrupted,
    Lost,
    Outcome,
    Parked,
    Retried,
    Snoozed,
)
from jobqueue.signing import Distrusted
from jobqueue.store.findings import Finding
from jobqueue.worker.decide import error_text
from jobqueue.worker.restraint import Restraint

_LEVELS = MappingProxyType({"note": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR})


class WorkerLog:
    """Writes what happens in a worker to a logger; fields of a job go into ``extra`` for structured formats.

    Args:
        logger: ``jobqueue.worker`` if it is left out.
    """

    def __init__(self, logger: logging.Logger | None = None) -> None:
        self._logger = logger or logging.getLogger("jobqueue.worker")
        self._in_trouble = False
        self._of_parked = Restraint()
        self._of_unreadable = Restraint()
        self._of_queues = Restraint()
        self.told_to = ""

    def started(self, worker: str, queues: list[str], concurrency: int, where: str, tasks: int) -> None:
        """The worker has begun to take jobs."""
        self._logger.info(
            "worker %s takes jobs from %s at %s: %d at once, %d tasks known",
            worker, ", ".join(queues), where, concurrency, tasks,
        )  # fmt: skip

    def stopping(self, running: int, timeout: float) -> None:
        """The worker takes no more jobs."""
        if running:
            self._logger.info("stopping: %d jobs may take up to %s to end", running, format_duration(timeout))
        else:
            self._logger.info("stopping: no job is running")

    def hurrying(self, running: int) -> None:
        """The time for an orderly end is over."""
        self._logger.warning("stopping at once: %d running jobs are interrupted and handed back", running)

    def left_running(self, running: int) -> None:
        """Threads cannot be stopped."""
        self._logger.warning(
            "%d jobs in threads did not stop. They are handed back and will run again, although their threads may go on"
            " until the process ends", running,
        )  # fmt: skip

    def stopped(self) -> None:
        """The worker has ended."""
        self._logger.info("stopped")

    @property
    def is_detailed(self) -> bool:
        """Whether it is said of each job that it starts, and that it has completed."""
        return self._logger.isEnabledFor(logging.DEBUG)

    def job_started(self, job: JobContext) -> None:
        """A job has begun."""
        if self._logger.isEnabledFor(logging.DEBUG):
            self._job(logging.DEBUG, job, "started (attempt %d of %d)", job.attempt, job.max_attempts)

    def job_ended(self, job: JobContext, outcome: Outcome, seconds: float) -> None:
        """An execution is over and written down."""
        took = format_duration(seconds)
        match outcome:
            case Completed():
                self._job(logging.DEBUG, job, "completed in %s", took)
            case Retried(error, delay):
                self._job(
                    logging.WARNING, job, "attempt %d of %d failed after %s, next in %s: %s",
                    job.attempt, job.max_attempts, took, format_duration(delay), _brief(error),
                )  # fmt: skip
            case Failed(error):
                text = f"\n{error.traceback}" if error.traceback else ""
                self._job(
                    logging.ERROR, job, "failed for good at attempt %d of %d after %s: %s%s",
                    job.attempt, job.max_attempts, took, _brief(error), text,
                )  # fmt: skip
            case Snoozed(delay):
                self._job(logging.DEBUG, job, "snoozed for %s", format_duration(delay))
            case Cancelled(reason):
                self._job(logging.INFO, job, "cancelled after %s%s", took, f": {reason}" if reason else "")
            case Interrupted():
                self._job(logging.INFO, job, "interrupted after %s and handed back", took)
            case Lost(cause):
                self._job(logging.ERROR, job, "lost after %s: %s", took, cause)

    def parked(self, queue: str, job_id: str, parked: Parked) -> None:
        """A job cannot be run here. Said once of each reason: workers with other keys may pass it to and fro."""
        match self._of_parked.of(queue, job_id, parked.reason):
            case "say":
                self._logger.warning(
                    "queue %s: job %s is parked, because %s. It runs when a worker appears that can run it",
                    queue, job_id, parked.reason,
                )  # fmt: skip
            case "sum up":
                self._logger.warning(
                    "more jobs are parked, also of queue %s, than are named here in a minute: `jobqueue job list"
                    " --state parked` shows them", queue,
                )  # fmt: skip
            case _:
                pass

    def ordered(self, verb: str) -> None:
        """An operator has told the worker to do something."""
        self.told_to = verb
        means = {"quiet": "it takes no more jobs", "stop": "it stops", "restart": "it stops, to be replaced"}
        self._logger.info("told to %s: %s", verb, means.get(verb, "which it does not understand"))

    def schedule_retired(self, queue: str, schedule: str) -> None:
        """A schedule has vanished from the code."""
        self._logger.info("queue %s: schedule %s is retired: no worker that runs declares it any more", queue, schedule)

    def schedule_unreadable(self, queue: str, schedule: str, error: ValueError) -> None:
        """A schedule cannot be understood here."""
        match self._of_unreadable.of(queue, schedule, str(error)):
            case "say":
                hint = "" if isinstance(error, Distrusted) else ". Was it put by a newer version?"
                self._logger.warning(
                    "queue %s: schedule %s is left to other workers: %s%s", queue, schedule, error, hint
                )
            case "sum up":
                self._logger.warning(
                    "more schedules, also of queue %s, are left to other workers than are named here in a minute:"
                    " `jobqueue schedule list` shows them", queue,
                )  # fmt: skip
            case _:
                pass

    def slot_refused(self, queue: str, schedule: str) -> None:
        """There is no room for the job of a slot."""
        self._logger.warning("queue %s is full: the slot of schedule %s is tried again", queue, schedule)

    def slot_skipped(self, queue: str, schedule: str, job: str) -> None:
        """A slot was dropped."""
        self._logger.info(
            "queue %s: a slot of schedule %s is skipped, because its job %s has not ended", queue, schedule, job
        )

    def superseded(self, job: JobContext, outcome: Outcome) -> None:
        """The outcome came too late."""
        self._job(
            logging.WARNING, job, "its outcome (%s) was refused: this worker had lost the job, which was given to"
            " another", outcome.kind.value,
        )  # fmt: skip

    def vanished(self, queue: str, count: int) -> None:
        """Ids without a job were found."""
        self._logger.error(
            "queue %s: %d ids were waiting whose jobs Redis has lost. Is its maxmemory-policy noeviction?", queue, count
        )

    def ignores_cancellation(self, job: JobContext) -> None:
        """An async task caught its cancellation and went on."""
        self._job(
            logging.ERROR, job, "did not stop when it was cancelled; it is settled all the same, and goes on by itself:"
            " let CancelledError pass",
        )  # fmt: skip

    def thread_stuck(self, job: JobContext, stuck: int) -> None:
        """A plain function has overrun its timeout."""
        self._job(
            logging.ERROR, job, "overran its timeout in a thread. A thread cannot be killed: the job is settled, the"
            ' thread goes on (%d such threads now). Use run="process" for functions that may hang', stuck,
        )  # fmt: skip

    def loop_blocked(self, seconds: float, stack: str) -> None:
        """The event loop does not run."""
        self._logger.error(
            "the event loop has been blocked for %s: no async job makes progress. An async task must not call what"
            " blocks; make it a plain function. It is here:\n%s", format_duration(seconds), stack,
        )  # fmt: skip

    def replacing(self, reason: str, *, ordered: bool = False) -> None:
        """The process asks to be replaced by a new one: an operator wants that, or it cannot go on."""
        level = logging.INFO if ordered else logging.ERROR
        self._logger.log(level, "this process is to be replaced: %s", reason)

    def unparked(self, queue: str, count: int) -> None:
        """Parked jobs may run here."""
        self._logger.info("queue %s: %d parked jobs can run here and wait again", queue, count)

    def reaped(self, queue: str, worker: str, returned: int, failed: int) -> None:
        """Jobs of a dead worker were taken back."""
        self._logger.warning(
            "queue %s: worker %s is dead; %d of its jobs wait again, %d were lost too often and have failed",
            queue, worker, returned, failed,
        )  # fmt: skip

    def lease_lost(self, worker: str, new: str, running: int) -> None:
        """The worker was taken for dead."""
        self._logger.error(
            "worker %s was taken for dead, because it gave no sign of life for too long. Its %d jobs are stopped and"
            " have been given to others; it goes on as %s", worker, running, new,
        )  # fmt: skip

    def server_forgot(self, queue: str, returned: int, stopped: int) -> None:
        """The server does not know any more what it had told the worker."""
        self._logger.error(
            "queue %s: the server has lost its latest writes, as in a power cut or a failover. %d jobs that it takes"
            " for active run again, and %d that it does not are stopped here", queue, returned, stopped,
        )  # fmt: skip

    def server_trouble(self, error: ServerError | None) -> None:
        """The server does not answer; with None: it answers again. Said once for each trouble."""
        if error is not None and not self._in_trouble:
            self._logger.error("%s. Trying until it answers", error)
        elif error is None and self._in_trouble:
            self._logger.info("Redis answers again")
        self._in_trouble = error is not None

    def examined(self, where: str, found: Iterable[Finding]) -> None:
        """The server was looked at. What is well, and what it does not tell us, is not said."""
        for each in found:
            if each.level != "ok" and each.code != "unseen":
                # What a crash takes is more than a note to those who run jobs.
                level = logging.WARNING if each.code == "persistence" else _LEVELS[each.level]
                self._logger.log(level, "Redis at %s: %s", where, each.text)

    def tells_password(self, where: str) -> None:
        """The password goes through a network as it is."""
        self._logger.warning(
            "the password for Redis at %s goes through the network as it is, and so do all jobs: use rediss://", where
        )

    def hook_failed(self, hook: object, error: BaseException) -> None:
        """A user's hook raised."""
        self._logger.error("the hook %s failed: %s", getattr(hook, "__qualname__", hook), _brief(error_text(error)))

    def broken(self, error: BaseException) -> None:
        """A part failed without which no job is taken or settled."""
        self._logger.critical("the worker cannot go on, and ends: %s", error, exc_info=error)

    def loop_failed(self, name: str, error: BaseException) -> None:
        """A background activity failed in a way that nobody expected."""
        self._logger.error("the %s failed and is tried again: %s", name, error, exc_info=error)

    def queue_failed(self, name: str, queue: str, error: Exception) -> None:
        """A background activity failed in one queue. Said once of each reason; the other queues have their turn."""
        if self._of_queues.of(name, queue, str(error)) == "say":
            what = str(error) if isinstance(error, ServerError) else f"{type(error).__name__}: {error}"
            self._logger.error(
                "queue %s: the %s failed there and tries again; other queues go on: %s. `jobqueue doctor` says more",
                queue, name, what,
            )  # fmt: skip

    def not_told(self, queue: str, key: str, message: str, reason: str) -> None:
        """A message to another queue cannot be delivered. Said once of each; it is left where it is."""
        match self._of_queues.of(key, message, reason):
            case "say":
                self._logger.warning(
                    "queue %s: a message in %s is left there, because %s: %.200r", queue, key, reason, message
                )
            case "sum up":
                self._logger.warning("more messages, also in %s, are left than are named here in a minute", key)
            case _:
                pass

    def _job(self, level: int, job: JobContext, message: str, *args: Any) -> None:
        extra = {"job_id": job.id, "task": job.task, "queue": job.queue, "attempt": job.attempt}
        self._logger.log(level, f"%s %s {message}", job.task, job.id, *args, extra=extra)  # noqa: G004  a constant


def _brief(error: ErrorText) -> str:
    return f"{error.type}: {error.message}" if error.message else error.type
