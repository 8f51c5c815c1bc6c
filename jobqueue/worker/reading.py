"""Reads a job that is to be run: its task, its arguments, what holds for it."""

from typing import Any, NamedTuple

from jobqueue.app import JobQueue
from jobqueue.errors import InvalidOption, UnknownOption
from jobqueue.job import Counts, Specification
from jobqueue.outcome import Parked
from jobqueue.retry import Retry
from jobqueue.settings import payload_to_read
from jobqueue.signature import UnreadableArguments
from jobqueue.signing import Distrusted
from jobqueue.stored import TooLong, check_size
from jobqueue.task import Task
from jobqueue.version import __version__
from jobqueue.versions import UpcastFailed, newer
from jobqueue.worker.decide import MESSAGE_LIMIT, Terms, plain

UNREADABLE = "-"
"""What a job waits for whose specification no worker can read."""


class ReadJob(NamedTuple):
    """A job that can be run here.

    Attributes:
        specification: what was asked for.
        task: the task.
        args: its positional arguments.
        kwargs: its other arguments.
        terms: what holds for this execution.
    """

    specification: Specification
    task: Task[..., Any]
    args: list[Any]
    kwargs: dict[str, Any]
    terms: Terms


def reader(jobs: JobQueue) -> str:
    """Return what changes with whether a specification can be read at all: the library, and the keys.

    It does not change with how long a specification may be: one that is too long waits for a worker that reads so much,
    as for a later version of a task.

    A job that is parked because its signature is wrong is looked at again by workers that have other keys, and by no
    others: one that is genuine runs there, and one that is forged is parked again.
    """
    seal = jobs.connections.seal
    return __version__ if seal is None else f"{__version__}+{seal.fingerprint}"


def read_job(
    jobs: JobQueue, queue: str, job_id: str, text: bytes, counts: Counts, now: int | None = None
) -> ReadJob | Parked:
    """Read a job, or say why it cannot be run here.

    Args:
        jobs: the application.
        queue: the name of its queue.
        job_id: the id of the job.
        text: the stored specification.
        counts: how often the job was run before.
        now: the server's time in milliseconds; None to accept what was signed long ago.
    """
    limit = jobs.settings.read_limit
    try:
        check_size(text, "it", limit)
        if (seal := jobs.connections.seal) is not None:
            text = seal.open_job(jobs.keys(queue).place, job_id, text, None if now is None else now / 1000)
        specification = Specification.parse(text, limit)
    except Distrusted as error:
        return Parked(UNREADABLE, reader(jobs), f"it is not trusted: {error}")
    except TooLong as error:
        # A worker that reads so much finds it, whatever its keys are; no other takes it out of parking.
        needed = payload_to_read(error.size)
        reason = (
            f"its specification cannot be read: {error}; a worker with JobQueue(max_payload={needed}) or more reads it"
        )
        return Parked(UNREADABLE, newer(error.size), reason)
    except ValueError as error:
        return Parked(UNREADABLE, reader(jobs), f"its specification cannot be read: {error}")
    task = jobs.get(specification.task)
    if task is None:
        return Parked(specification.task, "", f"no task {specification.task!r} is known here")
    # Under the name that the job has: a worker that could run it may not know the one that the task has here.
    name, wanted = specification.task, specification.version
    if wanted > task.settings.version:
        reason = f"it needs version {wanted} of task {name!r}, and version {task.settings.version} is known here"
        return Parked(name, newer(wanted), reason)
    try:
        args, kwargs = task.signature.decode(task.upcasters.apply(specification.args, wanted))
        terms = _terms(jobs, task, specification, counts)
    except UpcastFailed as error:
        cause = f": {plain(error.__cause__, MESSAGE_LIMIT)}" if error.__cause__ else ""
        return Parked(name, task.fingerprint, f"{error}{cause}")
    except (UnreadableArguments, InvalidOption, UnknownOption) as error:
        return Parked(name, task.fingerprint, str(error))
    except Exception as error:  # a type of the user's may raise anything when it is made from its JSON
        reason = f"its arguments cannot be read: {plain(f'{type(error).__name__}: {error}', MESSAGE_LIMIT)}"
        return Parked(name, task.fingerprint, reason)
    return ReadJob(specification, task, args, kwargs, terms)


def _terms(jobs: JobQueue, task: Task[..., Any], specification: Specification, counts: Counts) -> Terms:
    settings, retention = task.settings, jobs.settings.retention
    ttl = settings.result_ttl if specification.result_ttl is None else specification.result_ttl
    return Terms(
        counts,
        settings.retry if specification.retry is None else Retry.from_wire(specification.retry, settings.retry),
        settings.timeout if specification.timeout is None else specification.timeout,
        0 if retention.completed.nothing else ttl,
        specification.task,
        specification.key,
    )
