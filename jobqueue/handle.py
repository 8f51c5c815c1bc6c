"""A handle to a job: ask for its state and result, cancel it, run it again."""

from collections.abc import Callable
from contextlib import aclosing, closing
from dataclasses import replace
from typing import Any, Generic, Literal, TypeVar

from pydantic_core import from_json

from jobqueue.dependencies import Dependency
from jobqueue.errors import (
    JobCancelled,
    JobConflict,
    JobExpired,
    JobFailed,
    JobNotFound,
    ResultTimeout,
    UnreadableResult,
)
from jobqueue.job import JobInfo, JobState
from jobqueue.replay import replay
from jobqueue.steering import checked_priority
from jobqueue.store import inspect, jobs
from jobqueue.store.connections import Connections
from jobqueue.store.inspect import LogLine
from jobqueue.store.jobs import Watched
from jobqueue.store.keys import QueueKeys, queue_keys
from jobqueue.store.relay import all_dependencies
from jobqueue.timeline import Timeline, timeline_of

T = TypeVar("T")
R_co = TypeVar("R_co", covariant=True)


class JobHandle(Generic[R_co]):
    """A job that was enqueued. What it tells is read from the server each time it is asked.

    Each method that talks to the server has a twin for asyncio, whose name begins with ``a``.

    Attributes:
        id: the id of the job.
        queue: the name of its queue.
        duplicate: whether the call that returned this handle enqueued nothing, because this job stands already for one
            that is the same.
    """

    def __init__(
        self,
        job_id: str,
        keys: QueueKeys,
        connections: Connections,
        decode: Callable[[bytes], R_co],
        *,
        duplicate: bool = False,
    ) -> None:
        self.id = job_id
        self.duplicate = duplicate
        self.queue = keys.queue
        self._keys = keys
        self._connections = connections
        self._decode = decode

    def __repr__(self) -> str:
        return f"<JobHandle {self.id} in {self.queue}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, JobHandle) and (self.id, self._keys.tag) == (other.id, other._keys.tag)

    def __hash__(self) -> int:
        return hash((self.id, self._keys.tag))

    @property
    def keys(self) -> QueueKeys:
        """The keys of its queue: for other parts of the library."""
        return self._keys

    def info(self) -> JobInfo:
        """Return everything that is known of the job.

        Raises:
            JobNotFound: it was removed, or its retention has passed.
            ServerError: Redis refuses or is not available; so in all methods below.
        """
        return self._revealed(self._connections.run(inspect.show(self._keys, self.id)))

    async def ainfo(self) -> JobInfo:
        """See ``info``."""
        return self._revealed(await self._connections.arun(inspect.show(self._keys, self.id)))

    def state(self) -> JobState:
        """Return where the job is in its life.

        Raises:
            JobNotFound: it was removed, or its retention has passed.
        """
        return self.info().state

    async def astate(self) -> JobState:
        """See ``state``."""
        return (await self.ainfo()).state

    def logs(self) -> tuple[LogLine, ...]:
        """Return what the job has logged, the oldest line first."""
        return self._connections.run(inspect.logs(self._keys, self.id))

    async def alogs(self) -> tuple[LogLine, ...]:
        """See ``logs``."""
        return await self._connections.arun(inspect.logs(self._keys, self.id))

    def result(self, timeout: float | None = None) -> R_co:
        """Wait until the job has ended, and return what its function returned.

        Args:
            timeout: seconds to wait at most; None waits as long as it takes.

        Raises:
            JobFailed: it failed for good.
            JobCancelled: it was cancelled.
            ResultTimeout: it has not ended in time. It goes on; ask again.
            JobNotFound: it was removed, or its retention has passed.
            UnreadableResult: what it returned does not fit the annotation, is not signed as it should be, or cannot be
                decrypted.
        """
        with closing(self._connections.ended([(self._keys, self.id)], timeout)) as ended:
            for _, watched in ended:
                return self.outcome(watched)
        raise self._late(timeout)

    async def aresult(self, timeout: float | None = None) -> R_co:
        """See ``result``."""
        async with aclosing(self._connections.aended([(self._keys, self.id)], timeout)) as ended:
            async for _, watched in ended:
                return self.outcome(watched)
        raise self._late(timeout)

    def cancel(self, reason: str = "", *, dependencies: bool = False) -> bool:
        """Call the job off. One that has not begun is cancelled at once; one that runs is asked to stop.

        Args:
            reason: why, for those who look at the job later.
            dependencies: whether to call off what it waits for as well: the whole flow that ends in it.

        Returns:
            Whether it had not ended yet.

        Raises:
            JobNotFound: it was removed, or its retention has passed.
        """
        return not self._found(
            self._connections.run(jobs.cancel(self._keys, self.id, reason, dependencies=dependencies))
        ).ended

    async def acancel(self, reason: str = "", *, dependencies: bool = False) -> bool:
        """See ``cancel``."""
        call = jobs.cancel(self._keys, self.id, reason, dependencies=dependencies)
        return not self._found(await self._connections.arun(call)).ended

    def prioritize(self, priority: int) -> None:
        """Change the priority of a job that has not begun.

        Args:
            priority: from -1,000,000 to 1,000,000; higher ones go first.

        Raises:
            InvalidOption: it is out of this range.
            JobConflict: the job runs or has ended.
            JobNotFound: it was removed, or its retention has passed.
        """
        self._check_prioritized(self._connections.run(jobs.prioritize(self._keys, self.id, checked_priority(priority))))

    async def aprioritize(self, priority: int) -> None:
        """See ``prioritize``."""
        self._check_prioritized(
            await self._connections.arun(jobs.prioritize(self._keys, self.id, checked_priority(priority)))
        )

    def promote(self) -> None:
        """Let a delayed job start now.

        Raises:
            JobConflict: it is not delayed.
            JobNotFound: it was removed, or its retention has passed.
        """
        self._check_promoted(self._connections.run(jobs.hasten(self._keys, self.id)))

    async def apromote(self) -> None:
        """See ``promote``."""
        self._check_promoted(await self._connections.arun(jobs.hasten(self._keys, self.id)))

    def dependencies(self) -> list[Dependency]:
        """Return the jobs that it waits for, or has waited for, with their results and errors."""
        return self._opened(self._connections.follow(all_dependencies(self._keys, self.id)))

    async def adependencies(self) -> list[Dependency]:
        """See ``dependencies``."""
        return self._opened(await self._connections.afollow(all_dependencies(self._keys, self.id)))

    def retry(self) -> None:
        """Let a failed or cancelled job run again, with all its attempts.

        Raises:
            JobConflict: it is neither failed nor cancelled, or another job has its deduplication key by now.
            JobNotFound: it was removed, or its retention has passed.
        """
        self._check_retried(self._found(self._connections.run(jobs.retry(self._keys, self.id))))

    async def aretry(self) -> None:
        """See ``retry``."""
        self._check_retried(self._found(await self._connections.arun(jobs.retry(self._keys, self.id))))

    def replay(self) -> "JobHandle[R_co]":
        """Enqueue a copy of the job, whatever its state: the same task, arguments and options, due at once.

        The copy knows whose copy it is (``JobInfo.replay_of``), and the job knows its latest copies
        (``JobInfo.replays``). It waits for the same jobs, of which those that have ended count as they
        ended. It is never taken for a duplicate, and does not expire.

        Returns:
            A handle to the copy.

        Raises:
            JobNotFound: it was removed, or its retention has passed.
            JobConflict: its specification cannot be read, is signed or encrypted without a key for it here, or it has
                waited for more than 1,000 jobs.
            UnknownDependency: a job that it has waited for is not there any more.
            QueueFull: the queue, or its key, has no room for the copy.
        """
        return self._copy(self._connections.follow(replay(self._keys, self.id, self._connections.seal)))

    async def areplay(self) -> "JobHandle[R_co]":
        """See ``replay``."""
        return self._copy(await self._connections.afollow(replay(self._keys, self.id, self._connections.seal)))

    def timeline(self) -> Timeline:
        """Return what has happened to the job, in the order of time.

        Raises:
            JobNotFound: it was removed, or its retention has passed.
        """
        return timeline_of(self.info())

    async def atimeline(self) -> Timeline:
        """See ``timeline``."""
        return timeline_of(await self.ainfo())

    def remove(self) -> None:
        """Delete the job and all that is kept of it.

        Raises:
            JobConflict: it is running. Cancel it first.
            JobNotFound: it was removed before, or its retention has passed.
        """
        self._check_removed(self._found(self._connections.run(jobs.remove(self._keys, self.id))))

    async def aremove(self) -> None:
        """See ``remove``."""
        self._check_removed(self._found(await self._connections.arun(jobs.remove(self._keys, self.id))))

    def _copy(self, job_id: str) -> "JobHandle[R_co]":
        return JobHandle(job_id, self._keys, self._connections, self._decode)

    def _found(self, value: T | None) -> T:
        if value is None:
            raise JobNotFound(self.id, self.queue)
        return value

    def _revealed(self, found: JobInfo | None) -> JobInfo:
        return self._connections.read(self._keys, self._found(found))

    def _opened(self, found: list[Dependency]) -> list[Dependency]:
        """Return dependencies with the results that their jobs have returned, as far as they can be opened."""
        return [self._with_result(each) if each.completed else each for each in found]

    def _with_result(self, dependency: Dependency) -> Dependency:
        ending = dependency.ending
        assert ending is not None
        try:
            keys = queue_keys(self._keys.prefix, dependency.queue)
            result = self._connections.result(keys, dependency.id, ending.result)
        except UnreadableResult as error:
            return replace(dependency, refused=str(error))
        return dependency if result is ending.result else replace(dependency, ending=replace(ending, result=result))

    def _check_prioritized(self, found: JobState | None) -> None:
        if self._found(found) not in (JobState.WAITING, JobState.DELAYED, JobState.BLOCKED):
            raise JobConflict(f"job {self.id} is {found}: the priority of one that has not begun can be changed")

    def _check_promoted(self, found: JobState | None) -> None:
        if self._found(found) is not JobState.DELAYED:
            raise JobConflict(f"job {self.id} is {found}: only delayed jobs can be promoted")

    def _check_retried(self, found: JobState | Literal["owned"]) -> None:
        if found == "owned":
            raise JobConflict(f"job {self.id} stands back: another one has its deduplication key by now")
        if found not in (JobState.FAILED, JobState.CANCELLED):
            raise JobConflict(f"job {self.id} is {found.value}: only failed and cancelled jobs can be retried")

    def _check_removed(self, found: JobState) -> None:
        if found is JobState.ACTIVE:
            raise JobConflict(f"job {self.id} is active: cancel it first, and remove it when it has stopped")

    def outcome(self, watched: Watched) -> R_co:
        """Return the result of a job that has ended, or raise what became of it: for other parts of the library."""
        ending = self._found(watched.ending)
        match ending.outcome.value:
            case "failed":
                raise JobFailed(self.id, ending.error_type, ending.message, ending.traceback)
            case "expired":
                raise JobExpired(self.id, ending.message)
            case "cancelled":
                raise JobCancelled(self.id, ending.message)
        return self._decode(self._connections.result(self._keys, self.id, ending.result))

    def _late(self, timeout: float | None) -> ResultTimeout:
        return ResultTimeout(f"job {self.id} has not ended within {timeout:g} s; it goes on")


def any_result(text: bytes) -> Any:
    """Return a result whose type is not known.

    Raises:
        UnreadableResult: it is no JSON.
    """
    try:
        return from_json(text)
    except ValueError as error:
        raise UnreadableResult(f"the result is no JSON: {error}") from None
