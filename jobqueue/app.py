"""The application: where tasks are defined, and from where jobs are enqueued."""

import math
import time
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing, closing
from typing import Any, TypeVar

from pydantic_core import PydanticSerializationError, to_json

from jobqueue.errors import (
    InvalidArguments,
    PayloadTooLarge,
    ResultTimeout,
    TaskAlreadyDefined,
    UnknownTask,
    suggestion,
)
from jobqueue.events import Hooks, check_kinds
from jobqueue.handle import JobHandle, any_result
from jobqueue.job import specification_text
from jobqueue.middleware import Middleware
from jobqueue.names import check_name, new_id
from jobqueue.options import EnqueueOptions, JobSettings
from jobqueue.queue import Queue
from jobqueue.retention import Retention
from jobqueue.settings import Settings, find_url
from jobqueue.store import claims, inspect, jobs
from jobqueue.store.call import Call
from jobqueue.store.client import Now, server_time
from jobqueue.store.connections import Connections
from jobqueue.store.jobs import NewJob
from jobqueue.store.keys import QueueKeys, queue_keys, registry
from jobqueue.store.server import server_at
from jobqueue.task import Draft, Task, TaskSet

_ByQueue = dict[QueueKeys, list[NewJob]]

R = TypeVar("R")
Hook = TypeVar("Hook", bound=Callable[..., Any])

PIPELINE_JOBS = 5_000
"""How many jobs ``enqueue_many`` sends in one round trip."""

PIPELINE_BYTES = 8 * 1024 * 1024
"""How many bytes of specifications it sends in one round trip, or one job more."""

ENLIST_EVERY = 60.0
"""Seconds between two times that a producer enters a queue into the set of all queues."""


class JobQueue(TaskSet):
    """An application: its tasks, its settings and its connection to Redis.

    Nothing is connected, and no environment read, before the first job is enqueued or something is asked.

    Args:
        url: the server: ``redis://``, ``rediss://``, ``unix://`` or ``memory://``. If it is left out:
            ``$JOBQUEUE_URL``, else ``$REDIS_URL``, else ``redis://localhost:6379/0``.
        prefix: what every key in Redis begins with; applications that share a server choose different ones.
        queue: the queue of tasks that name none.
        retention: how long ended jobs are kept, with their results and errors.
        max_payload: bytes that the JSON text of a job or of its result may have.
        lease: seconds without a heartbeat after which a worker is taken for dead, and its jobs are run by others.
        max_lost: how often a job may be lost with its worker before it has failed.
        now: the time that the server is to take for its own, in milliseconds: for tests, which travel in time.

    Raises:
        InvalidOption: a setting cannot work.
        InvalidName: the prefix or the queue has characters that are not allowed.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        prefix: str = "jq",
        queue: str = "default",
        retention: Retention | None = None,
        max_payload: int = 1024 * 1024,
        lease: float = 30.0,
        max_lost: int = 3,
        now: Now = server_time,
    ) -> None:
        super().__init__()
        self.settings = Settings(
            prefix, queue, Retention() if retention is None else retention, max_payload, lease, max_lost
        )
        self.hooks = Hooks()
        self._url = url
        self.connections = Connections(lambda: server_at(self.url), now)
        self.layers: list[Middleware] = []
        self._enlist_again: dict[str, float] = {}

    def __repr__(self) -> str:
        return f"<JobQueue {self.settings.prefix}: {len(self)} tasks>"

    @property
    def url(self) -> str:
        """The URL of the server, with the password that it may have."""
        return find_url(self._url)

    def add(self, task: Task[..., Any]) -> None:
        """Enter a task; see ``TaskSet.add``."""
        if task.bound_to not in (None, self):
            raise TaskAlreadyDefined(f"task {task.name!r} belongs to another application already")
        super().add(task)
        task.bind(self)

    def include(self, tasks: TaskSet) -> None:
        """Make the tasks of a task set tasks of this application.

        Raises:
            TaskAlreadyDefined: there is another task of one of the names, or the set belongs to another application.
        """
        for task in tasks:
            self.add(task)

    def task_named(self, name: str) -> Task[..., Any]:
        """Return a task by name.

        Raises:
            UnknownTask: there is none.
        """
        task = self.get(name)
        if task is None:
            raise UnknownTask(f"there is no task {name!r}{suggestion(name, [task.name for task in self])}")
        return task

    def middleware(self, layer: Middleware) -> Middleware:
        """Wrap every execution in a function, as a decorator. The first one added is the outermost."""
        self.layers.append(layer)
        return layer

    def on(self, *kinds: str) -> Callable[[Hook], Hook]:
        """Call a function when jobs start or end, as a decorator: ``@jobs.on("failed")``.

        Args:
            kinds: ``"started"``, or how an execution ended: ``"completed"``, ``"failed"``, ``"retried"`` ...

        Raises:
            InvalidOption: there is no such event.
        """
        check_kinds(kinds)

        def decorate(hook: Hook) -> Hook:
            self.hooks.add(kinds, hook)
            return hook

        return decorate

    def on_startup(self, hook: Hook) -> Hook:
        """Call a function when a worker process starts, before its first job, as a decorator."""
        self.hooks.startup.append(hook)
        return hook

    def on_shutdown(self, hook: Hook) -> Hook:
        """Call a function when a worker process stops, after its last job, as a decorator."""
        self.hooks.shutdown.append(hook)
        return hook

    def queue(self, name: str) -> Queue:
        """Return a queue by name. Nothing is created.

        Raises:
            InvalidName: the name has characters that are not allowed.
        """
        return Queue(self.keys(name), self.connections, self)

    def queues(self) -> tuple[str, ...]:
        """Return the names of all queues that were ever used, sorted."""
        return self.connections.run(inspect.queue_names(registry(self.settings.prefix)))

    async def aqueues(self) -> tuple[str, ...]:
        """See ``queues``."""
        return await self.connections.arun(inspect.queue_names(registry(self.settings.prefix)))

    def keys(self, queue: str) -> QueueKeys:
        """Return the keys of a queue: for other parts of the library."""
        return queue_keys(self.settings.prefix, check_name(queue, "queue"))

    def enqueue(self, draft: Draft[R]) -> JobHandle[R]:
        """Enqueue a job that was drafted.

        Raises:
            PayloadTooLarge: its JSON text is over the limit.
            ServerError: Redis refuses, is full, or is not available.
        """
        keys, job = self._new_job(draft)
        self.connections.run_many(self._calls({keys: [job]}))
        self._enlist([keys])
        return JobHandle(job.id, keys, self.connections, draft.decode)

    async def aenqueue(self, draft: Draft[R]) -> JobHandle[R]:
        """See ``enqueue``."""
        keys, job = self._new_job(draft)
        await self.connections.arun_many(self._calls({keys: [job]}))
        self._enlist([keys])
        return JobHandle(job.id, keys, self.connections, draft.decode)

    def enqueue_many(self, drafts: Iterable[Draft[R]]) -> list[JobHandle[R]]:
        """Enqueue many jobs, thousands in a round trip.

        They are taken from the iterable and sent bit by bit. If a later one is refused, or the server goes away, those
        before it have been enqueued.

        Args:
            drafts: what ``task.draft(...)`` returns, of any tasks, for any queues.

        Returns:
            A handle for each job, in order.

        Raises:
            PayloadTooLarge: the JSON text of a job is over the limit.
            ServerError: Redis refuses, is full, or is not available.
        """
        handles: list[JobHandle[R]] = []
        for part, by_queue in self._parts(drafts):
            self.connections.run_many(self._calls(by_queue))
            self._enlist(by_queue)
            handles += part
        return handles

    async def aenqueue_many(self, drafts: Iterable[Draft[R]]) -> list[JobHandle[R]]:
        """See ``enqueue_many``."""
        handles: list[JobHandle[R]] = []
        for part, by_queue in self._parts(drafts):
            await self.connections.arun_many(self._calls(by_queue))
            self._enlist(by_queue)
            handles += part
        return handles

    def draft_by_name(self, task: str, arguments: Mapping[str, Any], options: EnqueueOptions) -> Draft[Any]:
        """Return a job of a task that may be unknown here: for queues.

        It keeps the name that is given, also if the task has another one by now: while a renaming is being deployed,
        the old workers know that name only, and the new ones know both.

        Raises:
            InvalidJob: the name, the arguments or an option are refused.
        """
        known = self.get(check_name(task, "task"))
        if known is not None:
            return known.using(**options).draft_json(arguments, name=task)
        settings = JobSettings.of(options)
        return Draft(
            task=task,
            queue=settings.queue,
            id=settings.id,
            due=settings.due,
            specification=specification_text(
                task,
                _any_arguments(task, arguments),
                timeout=settings.timeout,
                retry=settings.retry,
                result_ttl=settings.result_ttl,
                meta=settings.meta,
            ),
            decode=any_result,
        )

    def ended(self, handles: Sequence[JobHandle[R]], timeout: float | None = None) -> Generator[JobHandle[R]]:
        """Wait for several jobs, and yield each as it ends, in whatever way, or is found to be gone.

        Args:
            handles: the jobs.
            timeout: seconds to wait at most; None waits as long as it takes.
        """
        with closing(self.connections.ended([(handle.keys, handle.id) for handle in handles], timeout)) as ended:
            for place, _ in ended:
                yield handles[place]

    async def aended(
        self, handles: Sequence[JobHandle[R]], timeout: float | None = None
    ) -> AsyncGenerator[JobHandle[R]]:
        """See ``ended``."""
        ended = self.connections.aended([(handle.keys, handle.id) for handle in handles], timeout)
        async with aclosing(ended):
            async for place, _ in ended:
                yield handles[place]

    def results(self, handles: Sequence[JobHandle[R]], timeout: float | None = None) -> list[R]:
        """Wait for several jobs, and return their results in the order of the handles.

        Args:
            handles: the jobs.
            timeout: seconds to wait for all of them at most; None waits as long as it takes.

        Raises:
            JobFailed: one failed; raised as soon as it has. So are the errors below.
            JobCancelled: one was cancelled.
            JobNotFound: one was removed, or its retention has passed.
            ResultTimeout: they have not all ended in time.
        """
        found: dict[int, R] = {}
        with closing(self.connections.ended([(handle.keys, handle.id) for handle in handles], timeout)) as ended:
            for place, watched in ended:
                found[place] = handles[place].outcome(watched)
        return _in_order(handles, found, timeout)

    async def aresults(self, handles: Sequence[JobHandle[R]], timeout: float | None = None) -> list[R]:
        """See ``results``."""
        found: dict[int, R] = {}
        ended = self.connections.aended([(handle.keys, handle.id) for handle in handles], timeout)
        async with aclosing(ended):
            async for place, watched in ended:
                found[place] = handles[place].outcome(watched)
        return _in_order(handles, found, timeout)

    def close(self) -> None:
        """Close the connections that ordinary code has used."""
        self.connections.close()

    async def aclose(self) -> None:
        """Close the connections that this event loop and ordinary code have used."""
        await self.connections.aclose()

    def _new_job(self, draft: Draft[Any]) -> tuple[QueueKeys, NewJob]:
        size, limit = len(draft.specification), self.settings.max_payload
        if size > limit:
            raise PayloadTooLarge(
                f"a job of {draft.task!r} is {size:,} bytes of JSON, over the limit of {limit:,}: pass a reference to"
                " the data instead, or raise JobQueue(max_payload=...)"
            )
        keys = self.keys(draft.queue or self.settings.queue)
        return keys, NewJob(draft.id or new_id(), draft.specification, draft.due)

    def _parts(self, drafts: Iterable[Draft[R]]) -> Iterator[tuple[list[JobHandle[R]], _ByQueue]]:
        """Cut many jobs into what is sent in one round trip."""
        handles: list[JobHandle[R]] = []
        by_queue: _ByQueue = {}
        size = 0
        for draft in drafts:
            keys, job = self._new_job(draft)
            by_queue.setdefault(keys, []).append(job)
            handles.append(JobHandle(job.id, keys, self.connections, draft.decode))
            size += len(job.specification)
            if len(handles) == PIPELINE_JOBS or size >= PIPELINE_BYTES:
                yield handles, by_queue
                handles, by_queue, size = [], {}, 0
        if handles:
            yield handles, by_queue

    def _enlist(self, queues: Iterable[QueueKeys]) -> None:
        """Remember that queues have been named to the server."""
        for keys in queues:
            if time.monotonic() > self._enlist_again.get(keys.queue, -math.inf):
                self._enlist_again[keys.queue] = time.monotonic() + ENLIST_EVERY

    def _calls(self, by_queue: _ByQueue) -> list[Call[Any]]:
        calls: list[Call[Any]] = []
        for keys, new in by_queue.items():
            # Said again now and then, because somebody may have emptied the server meanwhile.
            if time.monotonic() > self._enlist_again.get(keys.queue, -math.inf):
                calls.append(claims.enlist(registry(self.settings.prefix), keys.queue))
            calls += [jobs.add(keys, new[start : start + jobs.CHUNK]) for start in range(0, len(new), jobs.CHUNK)]
        return calls


def _in_order(handles: Sequence[JobHandle[R]], found: Mapping[int, R], timeout: float | None) -> list[R]:
    if len(found) < len(handles):
        missing = len(handles) - len(found)
        raise ResultTimeout(f"{missing} of {len(handles)} jobs have not ended within {timeout:g} s; they go on")
    return [found[place] for place in range(len(handles))]


def _any_arguments(task: str, arguments: Mapping[str, Any]) -> bytes:
    try:
        text = to_json(dict(arguments), bytes_mode="base64", inf_nan_mode="strings")
        names = all(isinstance(name, str) for name in arguments)
    except (PydanticSerializationError, TypeError, ValueError) as error:
        raise InvalidArguments(f"{task}(): {error}") from None
    if not names:
        raise InvalidArguments(f"{task}(): arguments are given by the names of their parameters")
    return text
