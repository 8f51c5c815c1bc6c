"""Finds the queues and jobs that are named at a prompt, and complains about those that are not there."""

from collections.abc import Iterable, Iterator
from typing import Any

from jobqueue.app import JobQueue
from jobqueue.errors import JobQueueError, suggestion
from jobqueue.handle import JobHandle
from jobqueue.job import JobInfo
from jobqueue.store.inspect import Listed, show

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
        job_id: its id.
        queue: its queue; None looks into all of them.

    Raises:
        NotFound: there is no such job, or more than one.
    """
    if queue:
        check_queue(jobs, queue)
    names = [queue] if queue else jobs.queues()
    found = [job for job in jobs.connections.run_many([show(jobs.keys(name), job_id) for name in names]) if job]
    if not found:
        where = f"queue {queue!r} has no" if queue else "no queue has a"
        raise NotFound(f"{where} job {job_id!r}: it never existed, was removed, or its retention has passed")
    if len(found) > 1:
        queues = " and ".join(job.queue for job in found)
        raise NotFound(f"queues {queues} have a job {job_id!r} each: choose one by --queue")
    return found[0]


def handles(jobs: JobQueue, job_ids: Iterable[str], queue: str | None) -> list[JobHandle[Any]]:
    """Return handles to jobs; see ``find``. None of them is touched if one is not there."""
    return [jobs.queue(find(jobs, job_id, queue).queue).job(job_id) for job_id in dict.fromkeys(job_ids)]
