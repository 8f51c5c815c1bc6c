"""A queue: enqueue into it by name, pause it, look into it."""

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Protocol

from typing_extensions import Unpack

from jobqueue.handle import JobHandle, any_result
from jobqueue.job import JobInfo
from jobqueue.options import EnqueueOptions
from jobqueue.store import control, inspect
from jobqueue.store.connections import Connections
from jobqueue.store.inspect import Listed, QueueInfo
from jobqueue.store.keys import QueueKeys
from jobqueue.task import Draft

PAGE = 100
"""How many jobs are read with one call when they are listed."""


class Producer(Protocol):
    """What a queue needs of an application."""

    def enqueue(self, draft: Draft[Any]) -> JobHandle[Any]:
        """Enqueue a job."""
        ...

    async def aenqueue(self, draft: Draft[Any]) -> JobHandle[Any]:
        """Enqueue a job from asyncio."""
        ...

    def draft_by_name(self, task: str, arguments: Mapping[str, Any], options: EnqueueOptions) -> Draft[Any]:
        """Return a job of a task that may be unknown here."""
        ...


class Queue:
    """A queue of an application, by name. Asking for one creates nothing.

    Each method that talks to the server has a twin for asyncio, whose name begins with ``a``.

    Attributes:
        name: its name.
    """

    def __init__(self, keys: QueueKeys, connections: Connections, producer: Producer) -> None:
        self.name = keys.queue
        self._keys = keys
        self._connections = connections
        self._producer = producer

    def __repr__(self) -> str:
        return f"<Queue {self.name}>"

    def enqueue(
        self, task: str, arguments: Mapping[str, Any] | None = None, /, **options: Unpack[EnqueueOptions]
    ) -> JobHandle[Any]:
        """Enqueue a job by the name of its task. The task may live in another program, or another language.

        Args:
            task: the name of the task. If the application knows it, the arguments are checked, and are of the version
                that the task has there. A job under a name that the task had before keeps that name: new workers know
                both, and old ones know no other.
            arguments: the arguments by parameter name, as JSON values.
            options: see ``EnqueueOptions``.

        Raises:
            InvalidJob: the name, the arguments or an option are refused; see ``jobqueue.errors``.
            ServerError: Redis refuses, is full, or is not available.
        """
        return self._producer.enqueue(self.draft(task, arguments, **options))

    async def aenqueue(
        self, task: str, arguments: Mapping[str, Any] | None = None, /, **options: Unpack[EnqueueOptions]
    ) -> JobHandle[Any]:
        """See ``enqueue``."""
        return await self._producer.aenqueue(self.draft(task, arguments, **options))

    def draft(
        self, task: str, arguments: Mapping[str, Any] | None = None, /, **options: Unpack[EnqueueOptions]
    ) -> Draft[Any]:
        """Return a job to be enqueued with many others by ``enqueue_many``; see ``enqueue``."""
        return self._producer.draft_by_name(task, arguments or {}, {**options, "queue": self.name})

    def job(self, job_id: str) -> JobHandle[Any]:
        """Return a handle to a job by its id. Whether there is such a job shows when it is used."""
        return JobHandle(job_id, self._keys, self._connections, any_result)

    def pause(self) -> bool:
        """Keep jobs from starting. Those that run go on; new ones are accepted and wait.

        Returns:
            Whether the queue was running before.
        """
        return self._connections.run(control.pause(self._keys))

    async def apause(self) -> bool:
        """See ``pause``."""
        return await self._connections.arun(control.pause(self._keys))

    def resume(self) -> bool:
        """Let jobs start again.

        Returns:
            Whether the queue was paused before.
        """
        return self._connections.run(control.resume(self._keys))

    async def aresume(self) -> bool:
        """See ``resume``."""
        return await self._connections.arun(control.resume(self._keys))

    def info(self) -> QueueInfo:
        """Return how the queue stands: counts by state, the oldest waiting job, its workers."""
        return self._connections.run(inspect.overview(self._keys))

    async def ainfo(self) -> QueueInfo:
        """See ``info``."""
        return await self._connections.arun(inspect.overview(self._keys))

    def jobs(self, state: Listed) -> Iterator[JobInfo]:
        """Read the jobs in a state, in pages: the next to run, the next due or the latest to end first.

        Args:
            state: a state, or ``"parked"`` for those among the waiting that no worker can run.
        """
        cursor: str | None = "0"
        while cursor is not None:
            page = self._connections.run(inspect.list_jobs(self._keys, state, cursor, PAGE))
            yield from page.jobs
            cursor = page.cursor

    async def ajobs(self, state: Listed) -> AsyncIterator[JobInfo]:
        """See ``jobs``."""
        cursor: str | None = "0"
        while cursor is not None:
            page = await self._connections.arun(inspect.list_jobs(self._keys, state, cursor, PAGE))
            for job in page.jobs:
                yield job
            cursor = page.cursor
