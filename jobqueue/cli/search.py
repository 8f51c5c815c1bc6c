"""Finds the queues and jobs that are named at a prompt, and complains about those that are not there."""

from collections.abc import Iterable, Iterator
from typing import Any

from jobqueue.app import JobQueue
from jobqueue.errors import AmbiguousJob, JobNotFound, JobQueueError, suggestion
from jobqueue.handle import JobHandle
from jobqueue.inspection import SHORTEST_PREFIX
from jobqueue.job import JobInfo
from jobqueue.store.inspect import Listed

STATES: tuple[Listed, ...] = ("active", "waiting", "parked", "delayed", "blocked", "failed", "completed", "cancelled")
"""What can be listed, in the order in which it is."""


class NotFound(JobQueueError):
    """What was named at the prompt is not there, or not clear."""


def check_queue(jobs: JobQueue, name: str) -> None:
    """Complain about a queue that was never used.

    Raises:
        NotFound: it was never used.
    """
    jobs.keys(name)  # refuses a name that no queue can have
    known = jobs.queues()
    if name not in known:
        raise NotFound(f"queue {name!r} was never used{suggestion(name, known)}")


def list_all(jobs: JobQueue, queue: str | None, state: Listed | None, task: str | None) -> Iterator[JobInfo]:
    """Yield jobs queue by queue and state by state.

    Args:
        jobs: where to look.
        queue: only this queue.
        state: only this state.
        task: only this task.
    """
    for name in [queue] if queue else jobs.queues():
        for listed in [state] if state else STATES:
            for job in jobs.queue(name).jobs(listed):
                if task is None or job.task == task:
                    yield job


def find(jobs: JobQueue, job_id: str, queue: str | None) -> JobInfo:
    """Return a job.

    Args:
        jobs: where to look.
        job_id: its id, or the beginning of it.
        queue: its queue; None looks into all of them.

    Raises:
        NotFound: there is no such job, or more than one.
    """
    return _handle(jobs, job_id, queue).info()


def handles(jobs: JobQueue, job_ids: Iterable[str], queue: str | None) -> list[JobHandle[Any]]:
    """Return handles to jobs; see ``find``. None of them is touched if one is not there."""
    return list(dict.fromkeys(_handle(jobs, job_id, queue) for job_id in dict.fromkeys(job_ids)))


def _handle(jobs: JobQueue, job_id: str, queue: str | None) -> JobHandle[Any]:
    if queue:
        check_queue(jobs, queue)
    try:
        return jobs.inspect.find(job_id, queue)
    except JobNotFound as error:
        raise not_found(error) from None
    except AmbiguousJob as error:
        raise not_clear(error) from None


def not_found(error: JobNotFound) -> NotFound:
    """Return what is said of a job that is not there."""
    where = "no queue has a" if error.queue is None else f"queue {error.queue!r} has no"
    text = f"{where} job {error.job_id!r}: it never existed, was removed, or its retention has passed"
    if len(error.job_id) < SHORTEST_PREFIX:
        text += f". The beginning of an id has at least {SHORTEST_PREFIX} characters"
    return NotFound(text)


def not_clear(error: AmbiguousJob) -> NotFound:
    """Return what is said of an id by which more than one job is meant."""
    return NotFound(str(error).replace("name the queue", "choose one by --queue"))
