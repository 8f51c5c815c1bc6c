"""Reads a job that is to be run: its task, its arguments, what holds for it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic_core import to_json

from jobqueue.app import JobQueue
from jobqueue.errors import InvalidOption, UnknownOption
from jobqueue.job import NO_COUNTS, NO_META, Counts, Specification
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
        task: the task.
        args: its positional arguments.
        kwargs: its other arguments.
        terms: what holds for this execution.
        meta: what middleware and hooks want to know.
        created_at: when it was enqueued, in milliseconds of the server's clock; None if that is not known.
        due: from when on it might have started, in the same way.
        slot: the slot of its schedule, in milliseconds since 1970; None for none.
    """

    task: Task[..., Any]
    args: list[Any]
    kwargs: dict[str, Any]
    terms: Terms
    meta: Mapping[str, Any] = NO_META
    created_at: int | None = None
    due: int | None = None
    slot: int | None = None


def reader(jobs: JobQueue) -> str:
    """Return what changes with whether a specification can be read at all: the library, and the keys.

    It does not change with how long a specification may be: one that is too long waits for a worker that reads so much,
    as for a later version of a task.

    A job that is parked because its signature is wrong is looked at again by workers that have other keys, and by no
    others: one that is genuine runs there, and one that is forged is parked again.
    """
    seal = jobs.connections.seal
    return __version__ if seal is None else f"{__version__}+{seal.fingerprint}"


class Reader:
    """Reads the jobs of an application.

    Args:
        jobs: the application.
    """

    def __init__(self, jobs: JobQueue) -> None:
        self._jobs = jobs
        self._seal, self._limit = jobs.connections.seal, jobs.settings.read_limit
        # By the name as it is stored: what holds for jobs without options that have not been run before.
        self._first_terms: dict[bytes, tuple[Task[..., Any], Terms]] = {}

    def read(self, queue: str, job_id: str, text: bytes, counts: Counts, now: int | None = None) -> ReadJob | Parked:
        """Read a job, or say why it cannot be run here.

        Args:
            queue: the name of its queue.
            job_id: the id of the job.
            text: the stored specification.
            counts: how often the job was run before.
            now: the server's time in milliseconds; None to accept what was signed long ago.
        """
        if self._seal is None and len(text) <= self._limit and (parts := Specification.plain(text)) is not None:
            # A job without options, on a shorter way: if that does not lead to the end, the longer one says why.
            created, name, arguments = parts
            if (known := self._first_terms.get(name) or self._know(name)) is not None:
                task, terms = known
                try:
                    args, kwargs = task.signature.decode(arguments)
                except Exception:  # whatever it is, it is met again, and said there
                    return self._read_any(queue, job_id, text, counts, now)
                if counts is not NO_COUNTS:
                    terms = terms._replace(counts=counts)
                # The constructor that NamedTuple writes is a function in Python, and calls this one.
                return tuple.__new__(ReadJob, (task, args, kwargs, terms, NO_META, created, created, None))
        return self._read_any(queue, job_id, text, counts, now)

    def _know(self, name: bytes) -> tuple[Task[..., Any], Terms] | None:
        task = self._jobs.get(name.decode())
        if task is None or task.settings.version > 1:
            return None
        settings = task.settings
        ttl = 0 if self._jobs.settings.retention.completed.nothing else settings.result_ttl
        terms = Terms(NO_COUNTS, settings.retry, settings.timeout, ttl, name.decode())
        self._first_terms[name] = task, terms
        return task, terms

    def _read_any(self, queue: str, job_id: str, text: bytes, counts: Counts, now: int | None) -> ReadJob | Parked:
        jobs, seal, limit = self._jobs, self._seal, self._limit
        try:
            check_size(text, "it", limit)
            if seal is not None:
                text = seal.open_job(jobs.keys(queue).place, job_id, text, None if now is None else now / 1000)
            specification = Specification.parse(text, limit)
        except Distrusted as error:
            return Parked(UNREADABLE, reader(jobs), f"it is not trusted: {error}")
        except TooLong as error:
            # A worker that reads so much finds it, whatever its keys are; no other takes it out of parking.
            needed = payload_to_read(error.size)
            needs = f"a worker with JobQueue(max_payload={needed}) or more reads it"
            reason = f"its specification cannot be read: {error}; {needs}"
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
            args, kwargs = task.signature.decode(to_json(task.upcasters.apply(specification.args, wanted)))
            terms = _terms(jobs, task, specification, counts)
        except UpcastFailed as error:
            cause = f": {plain(error.__cause__, MESSAGE_LIMIT)}" if error.__cause__ else ""
            return Parked(name, task.fingerprint, f"{error}{cause}")
        except (UnreadableArguments, InvalidOption, UnknownOption) as error:
            return Parked(name, task.fingerprint, str(error))
        except Exception as error:  # a type of the user's may raise anything when it is made from its JSON
            reason = f"its arguments cannot be read: {plain(f'{type(error).__name__}: {error}', MESSAGE_LIMIT)}"
            return Parked(name, task.fingerprint, reason)
        found = specification
        return ReadJob(task, args, kwargs, terms, found.meta, found.created_at, found.due, found.slot)


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
