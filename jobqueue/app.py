"""The application: where tasks are defined, and from where jobs are enqueued."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import aclosing, closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self, TypeVar, overload

from pydantic_core import PydanticSerializationError, to_json

from jobqueue.configuration import Configuration
from jobqueue.confirmation import Confirmation
from jobqueue.declarations import Declarations
from jobqueue.delivery import Step, delivery, flow_delivery, flow_id, levels_of
from jobqueue.durability import Durability
from jobqueue.encryption import Encryption
from jobqueue.errors import (
    InvalidArguments,
    InvalidOption,
    PayloadTooLarge,
    ResultTimeout,
    TaskAlreadyDefined,
    UnknownTask,
    suggestion,
)
from jobqueue.events import Hooks, check_kinds
from jobqueue.flow import Flow, Group
from jobqueue.handle import JobHandle, any_result
from jobqueue.job import specification_text
from jobqueue.limits import Limits
from jobqueue.middleware import Middleware
from jobqueue.names import check_name, new_id
from jobqueue.options import EnqueueOptions, JobSettings
from jobqueue.queue import Queue
from jobqueue.retention import Retention
from jobqueue.seal import Seal, clock_of
from jobqueue.settings import Settings, find_url
from jobqueue.signing import Signing
from jobqueue.steering import Steering
from jobqueue.store import inspect, rules
from jobqueue.store.client import Now, server_time
from jobqueue.store.connections import Connections
from jobqueue.store.jobs import NewJob, add
from jobqueue.store.keys import QueueKeys, queue_keys, registry
from jobqueue.store.server import server_at
from jobqueue.task import Draft, Task
from jobqueue.taskset import TaskSet

# Imported where they are used: not who enqueues, but who operates or works needs them.
if TYPE_CHECKING:
    from jobqueue.inspection import Inspection
    from jobqueue.schedules import Schedules
    from jobqueue.store.schedules import Definition
    from jobqueue.workers import Workers

_ByQueue = dict[QueueKeys, list[NewJob]]

R = TypeVar("R")
_Part = list[tuple[QueueKeys, str, Draft[R]]]
Hook = TypeVar("Hook", bound=Callable[..., Any])

PIPELINE_JOBS = 2_000
"""How many jobs ``enqueue_many`` sends in one round trip."""

KNOWN_QUEUES = 1024
"""How many names of queues are kept in mind."""

PIPELINE_BYTES = 8 * 1024 * 1024
"""How many bytes of specifications it sends in one round trip, or one job more."""


class JobQueue(TaskSet):
    """An application: its tasks, its settings and its connection to Redis.

    Nothing is connected, and no environment read, before the first job is enqueued or something is asked.

    Args:
        url: the server: ``redis://``, ``rediss://``, ``unix://``, ``sentinel://`` or ``memory://``. If it is left out:
            ``$JOBQUEUE_URL``, else ``$REDIS_URL``, else ``redis://localhost:6379/0``.
        prefix: what every key in Redis begins with; applications that share a server choose different ones.
        queue: the queue of tasks that name none.
        retention: how long ended jobs are kept, with their results and errors.
        max_payload: bytes that the JSON text of a job or of its result may have.
        lease: seconds without a heartbeat after which a worker is taken for dead, and its jobs are run by others.
        max_lost: how often a job may be lost with its worker before it has failed.
        durability: how safe a job is to be when ``enqueue`` returns, if neither it nor its task says: in the
            ``"memory"`` of the server, in that of a ``"replica"`` too, or on the server's disk, ``"fsync"``.
        durability_timeout: seconds to wait for that at most, up to 8.
        signing: signs jobs, schedules and results, and has workers refuse those that are not signed; see ``Signing``.
        encryption: encrypts arguments, options and results; see ``Encryption``.
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
        durability: Durability = "memory",
        durability_timeout: float = 5.0,
        signing: Signing | None = None,
        encryption: Encryption | None = None,
        now: Now = server_time,
    ) -> None:
        super().__init__()
        settings = Settings(
            prefix,
            queue,
            Retention() if retention is None else retention,
            max_payload,
            lease,
            max_lost,
            durability,
            durability_timeout,
            signing,
            encryption,
        )
        self.settings = settings
        self.hooks = Hooks()
        self._url = url
        # Without keys, no job pays for more than a look at this.
        self._seal = (
            None
            if signing is None and encryption is None
            else Seal(signing, encryption, clock_of(now), settings.read_limit)
        )
        self.connections = Connections(lambda: server_at(self.url), now, self._seal, settings.read_limit)
        self.layers: list[Middleware] = []
        self.declarations = Declarations(self)
        # The queues that have been named here: to check a name takes longer than to find it.
        self._keys: dict[str, QueueKeys] = {}
        self._confirmation = Confirmation(self.settings, self.connections)

    @classmethod
    def configured(cls, configuration: Configuration | None = None) -> Self:
        """Return an application as the environment and a file have it; see ``jobqueue.configuration``.

        Args:
            configuration: what they say; read here and now if it is left out.

        Raises:
            InvalidOption: a setting does not exist, or has a value that cannot work.
        """
        found = Configuration.find() if configuration is None else configuration
        settings = found.settings()
        return cls(
            found.url,
            prefix=settings.prefix,
            queue=settings.queue,
            retention=settings.retention,
            max_payload=settings.max_payload,
            lease=settings.lease,
            max_lost=settings.max_lost,
            durability=settings.durability,
            durability_timeout=settings.durability_timeout,
            signing=settings.signing,
            encryption=settings.encryption,
        )

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

    @property
    def inspect(self) -> "Inspection":
        """What is to be seen of queues, and of any job in them."""
        from jobqueue.inspection import Inspection

        return Inspection(self.connections, self.settings.prefix)

    def queue(self, name: str) -> Queue:
        """Return a queue by name. Nothing is created.

        Raises:
            InvalidName: the name has characters that are not allowed.
        """
        return Queue(self.keys(name), self.connections, self)

    def job(self, queue: str, job_id: str) -> JobHandle[Any]:
        """Return a handle to a job by its queue and id. Whether there is such a job shows when it is used."""
        return JobHandle(job_id, self.keys(queue), self.connections, any_result)

    @property
    def schedules(self) -> "Schedules":
        """The schedules: to put, list, pause, resume, trigger, backfill and remove them."""
        from jobqueue.schedules import Schedules

        return Schedules(self, self.connections, self.settings.prefix)

    @property
    def workers(self) -> "Workers":
        """The workers: to list them, and tell them to take no more jobs, to stop or to restart."""
        from jobqueue.workers import Workers

        return Workers(self.connections, self.settings.prefix)

    def scheduled(self, keys: QueueKeys) -> "Mapping[str, Definition]":
        """Return the schedules of a queue that tasks declare, by id: for workers.

        Raises:
            InvalidJob: the arguments or options of a schedule are refused, or two have one id.
        """
        from jobqueue.schedules import definition_of

        found: dict[str, Definition] = {}
        names: dict[str, str] = {}
        for task in self:
            for schedule_id, schedule, draft in task.scheduled():
                if names.setdefault(schedule_id, task.name) != task.name:
                    raise InvalidOption(
                        f"tasks {names[schedule_id]!r} and {task.name!r} have a schedule {schedule_id!r} each: give"
                        " them ids of their own, Schedule(..., id=...)"
                    )
                own, definition = definition_of(self, schedule_id, draft, schedule, self._seal)
                if own == keys:
                    found[schedule_id] = definition
        return found

    def queues(self) -> tuple[str, ...]:
        """Return the names of all queues that were ever used, sorted."""
        return self.connections.run(inspect.queue_names(registry(self.settings.prefix)))

    async def aqueues(self) -> tuple[str, ...]:
        """See ``queues``."""
        return await self.connections.arun(inspect.queue_names(registry(self.settings.prefix)))

    def keys(self, queue: str) -> QueueKeys:
        """Return the keys of a queue: for other parts of the library."""
        found = self._keys.get(queue)
        if found is None:
            if len(self._keys) >= KNOWN_QUEUES:
                self._keys.clear()
            found = self._keys[queue] = queue_keys(self.settings.prefix, check_name(queue, "queue"))
        return found

    def enqueue(self, draft: Draft[R]) -> JobHandle[R]:
        """Enqueue a job that was drafted.

        Raises:
            PayloadTooLarge: its JSON text is over the limit.
            UnknownDependency: it is to wait for a job that does not exist.
            QueueFull: the queue, or its key, has no room for it.
            NotDurable: the job is enqueued, but not known to be as safe as ``durability`` says.
            ServerError: Redis refuses, is full, or is not available.
        """
        keys, job = self.new_job(draft)
        if self._is_plain(keys, job, draft) and self.connections.run(add(keys, [job])) is not None:
            return JobHandle(job.id, keys, self.connections, draft.decode)
        duplicates = self.connections.follow(self._delivery({keys: [job]}, [(keys, job.id, draft)]))
        self.declarations.told([keys])
        return self._handle(keys, job.id, draft, duplicates)

    async def aenqueue(self, draft: Draft[R]) -> JobHandle[R]:
        """See ``enqueue``."""
        keys, job = self.new_job(draft)
        if self._is_plain(keys, job, draft) and await self.connections.aadd(keys, job) is not None:
            return JobHandle(job.id, keys, self.connections, draft.decode)
        duplicates = await self.connections.afollow(self._delivery({keys: [job]}, [(keys, job.id, draft)]))
        self.declarations.told([keys])
        return self._handle(keys, job.id, draft, duplicates)

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
            NotDurable: those that it names are enqueued, but not known to be as safe as ``durability`` says; those
                before them are, those after them are not enqueued.
            ServerError: Redis refuses, is full, or is not available.
        """

        def send(part: _Part[R], by_queue: _ByQueue) -> Iterator[JobHandle[R]]:
            duplicates = self.connections.follow(self._delivery(by_queue, part))
            self.declarations.told(by_queue)
            return self._handles(part, duplicates)

        handles: list[JobHandle[R]] = []
        under_way: Future[Iterator[JobHandle[R]]] | None = None
        # While some travel, the next ones are made. If all fit into one round trip, no thread is started.
        with ThreadPoolExecutor(1, "jobqueue-enqueue") as thread:
            for part, by_queue, full in self._parts(drafts):
                if under_way is not None:
                    handles += under_way.result()
                    under_way = None
                if full:
                    under_way = thread.submit(send, part, by_queue)
                else:
                    handles += send(part, by_queue)
            if under_way is not None:
                handles += under_way.result()
        return handles

    async def aenqueue_many(self, drafts: Iterable[Draft[R]]) -> list[JobHandle[R]]:
        """See ``enqueue_many``."""

        async def send(part: _Part[R], by_queue: _ByQueue) -> Iterator[JobHandle[R]]:
            duplicates = await self.connections.afollow(self._delivery(by_queue, part))
            self.declarations.told(by_queue)
            return self._handles(part, duplicates)

        handles: list[JobHandle[R]] = []
        under_way: asyncio.Task[Iterator[JobHandle[R]]] | None = None
        try:
            for part, by_queue, full in self._parts(drafts):
                if under_way is not None:
                    handles += await under_way
                    under_way = None
                if full:
                    under_way = asyncio.create_task(send(part, by_queue))
                    await asyncio.sleep(0)  # lets it begin
                else:
                    handles += await send(part, by_queue)
            if under_way is not None:
                handles += await under_way
        finally:
            if under_way is not None and not under_way.done():
                under_way.cancel()
                await asyncio.wait((under_way,))
        return handles

    @overload
    def enqueue_flow(self, flow: Flow[R]) -> JobHandle[R]: ...
    @overload
    def enqueue_flow(self, flow: Group[R]) -> list[JobHandle[R]]: ...
    def enqueue_flow(self, flow: Flow[Any] | Group[Any]) -> Any:
        """Enqueue jobs that wait for one another: all of them, or none if it fails.

        Args:
            flow: what ``Flow``, ``chain``, ``chord`` or ``group`` return. Of a group, each member is a flow of its own.

        Returns:
            A handle to the job in which the flow ends; for a group, one for each member.

        Raises:
            DependencyCycle: a job would wait for itself in the end.
            UnknownDependency: one is to wait for a job that does not exist.
            QueueFull: a queue has no room for all of them.
            PayloadTooLarge: the JSON text of a job is over the limit.
            NotDurable: the flow is enqueued, but not known to be as safe as the ``durability`` of one of its jobs says.
            ServerError: Redis refuses, is full, or is not available.
        """
        if isinstance(flow, Group):
            return [self.enqueue_flow(member) for member in flow.flows]
        keys, job_id, steps, queues = self._flow_delivery(flow)
        self.connections.follow(steps)
        self.declarations.told(queues)
        return JobHandle(job_id, keys, self.connections, flow.job.decode)

    @overload
    async def aenqueue_flow(self, flow: Flow[R]) -> JobHandle[R]: ...
    @overload
    async def aenqueue_flow(self, flow: Group[R]) -> list[JobHandle[R]]: ...
    async def aenqueue_flow(self, flow: Flow[Any] | Group[Any]) -> Any:
        """See ``enqueue_flow``."""
        if isinstance(flow, Group):
            return [await self.aenqueue_flow(member) for member in flow.flows]
        keys, job_id, steps, queues = self._flow_delivery(flow)
        await self.connections.afollow(steps)
        self.declarations.told(queues)
        return JobHandle(job_id, keys, self.connections, flow.job.decode)

    def limits(
        self,
        queue: str | None = None,
        limits: Limits | None = None,
        *,
        each_key: Limits | None = None,
        keys: Mapping[str, Limits] | None = None,
    ) -> None:
        """Say what a queue, each of its keys, and some of them, are limited to. Call it where the tasks are defined.

        The limits are told to the server by producers and workers, and hold for all of them. What is set at run time,
        by ``Queue.limit`` or ``jobqueue queue limit``, takes their place until it is taken back.

        Args:
            queue: the name of the queue; the application's default queue if it is left out.
            limits: what the queue as a whole is limited to.
            each_key: what each key is limited to that has no limits of its own.
            keys: what some keys are limited to.

        Raises:
            InvalidOption: a limit makes no sense there.
            InvalidName: the name of the queue or a key has characters that are not allowed.
        """
        self.declarations.declare(
            self.keys(queue or self.settings.queue).queue, limits or Limits(), each_key or Limits(), keys or {}
        )

    def strike(self, task: str, *, queues: Sequence[str] | None = None) -> None:
        """Switch a task off: its jobs wait, and those that run go on.

        Args:
            task: the name of the task, also of one that is not known here.
            queues: the queues in which it is switched off; all that there are if it is left out.
        """
        self._strike(task, "1", queues)

    def unstrike(self, task: str, *, queues: Sequence[str] | None = None) -> None:
        """Switch a task on again; see ``strike``."""
        self._strike(task, "-", queues)

    async def astrike(self, task: str, *, queues: Sequence[str] | None = None) -> None:
        """See ``strike``."""
        await self._astrike(task, "1", queues)

    async def aunstrike(self, task: str, *, queues: Sequence[str] | None = None) -> None:
        """See ``unstrike``."""
        await self._astrike(task, "-", queues)

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
        dedup = settings.dedup
        steering = Steering(
            priority=settings.priority or 0,
            lifo=bool(settings.lifo),
            key=settings.key,
            expires=settings.expires,
            dedup=None
            if dedup is None
            else (dedup.mode, dedup.period, dedup.shared_key(task, arguments, settings.key)),
            after=settings.after or (),
        )
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
                key=settings.key,
            ),
            decode=any_result,
            steering=steering or None,
            durability=settings.durability,
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

    def new_job(self, draft: Draft[Any]) -> tuple[QueueKeys, NewJob]:
        """Return where a job goes, and what is sent of it: for other parts of the library.

        Raises:
            PayloadTooLarge: its JSON text is over the limit.
        """
        keys, specification = self.template(draft)
        job_id, steering = draft.id or new_id(), draft.steering
        if steering is not None and steering.gathering is not None:
            steering = replace(steering, gathering=replace(steering.gathering, most=self.settings.max_payload))
        if self._seal is not None:
            specification, steering = self._seal.job(keys.place, job_id, specification, steering)
        return keys, NewJob(job_id, specification, draft.due, steering)

    def template(self, draft: Draft[Any]) -> tuple[QueueKeys, bytes]:
        """Return where a job goes, and its specification in plain text: for other parts of the library.

        Raises:
            PayloadTooLarge: its JSON text is over the limit.
        """
        size, limit = len(draft.specification), self.settings.max_payload
        if size > limit:
            raise PayloadTooLarge(
                f"a job of {draft.task!r} is {size:,} bytes of JSON, over the limit of {limit:,}: pass a reference to"
                " the data instead, or raise JobQueue(max_payload=...)"
            )
        return self.keys(draft.queue or self.settings.queue), draft.specification

    def _is_plain(self, keys: QueueKeys, job: NewJob, draft: Draft[Any]) -> bool:
        """Return whether a job needs no more than one call, as most do."""
        return not (
            job.steering is not None or self.declarations.is_due(keys) or self._confirmation.wants(draft.durability)
        )

    def _delivery(
        self, by_queue: _ByQueue, jobs: Sequence[tuple[QueueKeys, str, Draft[Any]]]
    ) -> Generator[Step, list[Any], Mapping[str, str]]:
        wanted = self._confirmation.of([(keys, job_id, draft.durability) for keys, job_id, draft in jobs])
        awaited = {(keys.queue, job_id) for some in wanted.values() for keys, job_id in some}
        steps = delivery(by_queue, self.declarations.calls(by_queue), awaited=awaited)
        return self._confirmation.confirmed(steps, wanted)

    def _flow_delivery(
        self, flow: Flow[Any]
    ) -> tuple[QueueKeys, str, Generator[Step, list[Any], None], list[QueueKeys]]:
        """Return where a flow ends, the id of the job in which it does, how it is delivered, and to which queues."""
        drafts: list[tuple[QueueKeys, str, Durability | None]] = []

        def new_job(draft: Draft[Any]) -> tuple[QueueKeys, NewJob]:
            keys, job = self.new_job(draft)
            drafts.append((keys, job.id, draft.durability))
            return keys, job

        keys, job_id, levels = levels_of(flow, new_job)
        wanted = self._confirmation.of(drafts)
        if wanted:
            # One job that is lost would keep those waiting that are not: a flow is as safe as its safest job.
            wanted = {each: [(keys, job_id) for keys, job_id, _ in drafts] for each in wanted}
        queues = [found for level in levels for found in level]
        steps = flow_delivery(levels, flow_id(levels), self.declarations.calls(queues))
        return keys, job_id, self._confirmation.confirmed(steps, wanted), queues

    def _handle(self, keys: QueueKeys, job_id: str, draft: Draft[R], duplicates: Mapping[str, str]) -> JobHandle[R]:
        stands = duplicates.get(job_id)
        return JobHandle(stands or job_id, keys, self.connections, draft.decode, duplicate=stands is not None)

    def _handles(self, jobs: _Part[R], duplicates: Mapping[str, str]) -> Iterator[JobHandle[R]]:
        if duplicates:
            return (self._handle(*job, duplicates) for job in jobs)
        return (JobHandle(job_id, keys, self.connections, draft.decode) for keys, job_id, draft in jobs)

    def _parts(self, drafts: Iterable[Draft[R]]) -> Iterator[tuple[_Part[R], _ByQueue, bool]]:
        """Cut many jobs into what is sent in one round trip; the last value is whether there may be more."""
        part: _Part[R] = []
        by_queue: _ByQueue = {}
        size = 0
        for draft in drafts:
            keys, job = self.new_job(draft)
            by_queue.setdefault(keys, []).append(job)
            part.append((keys, job.id, draft))
            size += len(job.specification)
            if len(part) == PIPELINE_JOBS or size >= PIPELINE_BYTES:
                yield part, by_queue, True
                part, by_queue, size = [], {}, 0
        if part:
            yield part, by_queue, False

    def _strike(self, task: str, value: str, queues: Sequence[str] | None) -> None:
        gate = rules.gate_of_task(check_name(task, "task"))
        names = self.queues() if queues is None else queues
        self.connections.run_many([rules.limit(self.keys(name), gate, {"paused": value}) for name in names])

    async def _astrike(self, task: str, value: str, queues: Sequence[str] | None) -> None:
        gate = rules.gate_of_task(check_name(task, "task"))
        names = await self.aqueues() if queues is None else queues
        await self.connections.arun_many([rules.limit(self.keys(name), gate, {"paused": value}) for name in names])


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
