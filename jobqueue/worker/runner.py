"""Runs one job: reads it, finds its task, calls it, and says how it ended."""

import asyncio
import functools
from collections.abc import Callable, Coroutine, Sequence
from contextvars import Context
from dataclasses import replace
from datetime import timedelta
from hashlib import sha1
from typing import Any, NamedTuple, Protocol

from jobqueue.app import JobQueue
from jobqueue.context import JobContext, enter
from jobqueue.dependencies import After, edges_of
from jobqueue.errors import JobTimeout
from jobqueue.job import moment
from jobqueue.middleware import compose
from jobqueue.outcome import Completed, Outcome, Parked
from jobqueue.signals import WaitFor
from jobqueue.signature import UnwritableResult
from jobqueue.store.claims import BESIDE_OTHERS, Claimed
from jobqueue.store.relay import dependency_count
from jobqueue.task import Draft, Task
from jobqueue.worker.decide import Raised, Stop, Waiting, decide, signal_within
from jobqueue.worker.executors.process import ProcessExecutor
from jobqueue.worker.executors.thread import ThreadExecutor
from jobqueue.worker.log import WorkerLog
from jobqueue.worker.reading import Reader
from jobqueue.worker.running import Running
from jobqueue.worker.together import Call, Member, Together

NULL = b"null"
"""The result of a function that returns none."""

GIVE_UP_AFTER = 5.0
"""Seconds that an async task has to end after it was cancelled, before it is settled without it."""


class Place(Protocol):
    """Where jobs wait until they may begin."""

    def enter(self, running: Running) -> bool:
        """Say whether a job that begins by itself may do so now."""
        ...

    def wait(self, running: Running, launch: Callable[[], None]) -> None:
        """Take a job that may not."""
        ...

    def member(self, running: Running, task: Task[..., Any], item: Any) -> None:
        """Take a job that begins with others of its task."""
        ...


class Source(NamedTuple):
    """Where jobs come from, and what is told of them there.

    Attributes:
        queue: the name of the queue.
        spoke: is called when a job has said something of its progress, from any thread.
        on_end: is called once, in the event loop, when a job is over.
        place: where jobs wait until they may begin; None to begin at once, and without company.
    """

    queue: str
    spoke: Callable[[JobContext], None]
    on_end: Callable[[Running, Outcome], None]
    place: Place | None = None


class Runner:
    """Runs the jobs of an application, each where its task says."""

    def __init__(
        self, jobs: JobQueue, *, log: WorkerLog, on_stuck: Callable[[int], None], processes: ProcessExecutor | None
    ) -> None:
        """Make a runner.

        Args:
            jobs: the application.
            log: is told what goes wrong.
            on_stuck: is told how many threads go on after their jobs have timed out.
            processes: runs the tasks that want a process of their own; None runs them here, because this is one.
        """
        self._jobs = jobs
        self._bonds = jobs.job
        self._reader = Reader(jobs)
        self._log = log
        self._on_stuck = on_stuck
        self._stuck = 0
        self._threads = ThreadExecutor()
        self._processes = processes
        # Tasks that nobody holds on to may be collected while they run.
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, claimed: Claimed, now: int, source: Source) -> Running | Parked:
        """Start a job, or say why it cannot be run here.

        Args:
            claimed: the job.
            now: the server's time when it was claimed, in milliseconds.
            source: where it comes from.
        """
        counts, place = claimed.counts, source.place
        job = self._reader.read(source.queue, claimed.id, claimed.specification, counts, now)
        if isinstance(job, Parked):
            return job
        task, args, kwargs, terms, meta, created_at, due, slot = job
        context = JobContext(
            id=claimed.id,
            task=task.name,
            queue=source.queue,
            attempt=counts.failures + 1,
            max_attempts=terms.retry.attempts,
            token=claimed.token,
            meta=meta,
            created_at=created_at,
            deadline=None if terms.timeout is None else moment(now) + timedelta(seconds=terms.timeout),
            spoke=source.spoke,
            key=terms.key,
            slot=None if slot is None else moment(slot),
            bonds=self._bonds,
        )
        running = Running(claimed, context, terms, source.on_end)
        if due is not None and not claimed.begun:
            running.waited = (now - due) / 1000
        apart = task.settings.run == "process" or (counts.lost > 0 and self._runs_apart(counts.lost))
        if place is not None and task.settings.batch is not None and not apart:
            place.member(running, task, args[0])
            return running
        if place is None or place.enter(running):
            self._launch(running, task, args, kwargs, apart, now)
        else:
            place.wait(running, functools.partial(self._launch, running, task, args, kwargs, apart, now))
        return running

    def _launch(
        self, running: Running, task: Task[..., Any], args: list[Any], kwargs: dict[str, Any], apart: bool, now: int
    ) -> None:
        if apart and self._processes is not None:
            self._spawn(self._processes.run(running, now))
        elif task.settings.batch is not None:
            self.run_batch(task, [Member(running, args[0])])
        else:
            run = self._run_async if task.is_async else self._run_in_thread
            # Not asyncio.create_task(): a name for each takes as long as the task. It takes itself out of the set: a
            # callback of its end would be another turn of the event loop.
            execution = asyncio.get_running_loop().create_task(run(running, task, args, kwargs))
            self._tasks.add(execution)
            running.execution = execution

    def run_batch(self, task: Task[..., Any], members: Sequence[Member]) -> None:
        """Run jobs of a batch task in one call."""
        together = Together(
            task.name,
            members,
            layers=self._jobs.layers,
            call=functools.partial(self._call_async if task.is_async else self._call_in_thread, task),
            write=functools.partial(self._checked, task),
            give_up_after=GIVE_UP_AFTER if task.is_async else None,
            gave_up=self._log.ignores_cancellation,
        )
        self._spawn(together.run())

    async def close(self) -> None:
        """End what is idle, and cancel what still runs on the event loop."""
        self._threads.close()
        if self._processes is not None:
            await self._processes.close()
        if self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks, timeout=1.0)

    def _spawn(self, execution: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = asyncio.create_task(execution)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _runs_apart(self, lost: int) -> bool:
        # A job whose next loss may be its last runs apart: if it is what kills its workers, it does so alone, and those
        # that merely ran beside it do not fail with it. If its worker dies all the same, it does so only now and then:
        # to start a process takes longer than some workers live.
        excess = lost - (self._jobs.settings.max_lost - 1)
        return excess >= 0 and excess % BESIDE_OTHERS == 0

    async def _run_async(self, running: Running, task: Task[..., Any], args: list[Any], kwargs: dict[str, Any]) -> None:
        # What most jobs are, so without a wrapper more than it takes.
        enter(running.context)
        running.begin(self._cancel)
        try:
            if self._jobs.layers:
                call = compose(self._jobs.layers, running.context, functools.partial(task.function, *args, **kwargs))
                value = await call()
            else:
                value = await task.function(*args, **kwargs)
            result = NULL if value is None else self._checked(task, value)
            outcome: Outcome = Completed(result, running.terms.result_ttl)
        except BaseException as error:  # a job may raise anything, and whatever it is must be settled
            outcome = await self._of_error(running, error)
        self._tasks.discard(running.execution)
        running.end(outcome)

    def _cancel(self, running: Running, why: Stop) -> None:
        assert running.execution is not None
        running.execution.cancel()
        asyncio.get_running_loop().call_later(GIVE_UP_AFTER, self._give_up, running)

    async def _run_in_thread(
        self, running: Running, task: Task[..., Any], args: list[Any], kwargs: dict[str, Any]
    ) -> None:
        future: asyncio.Future[Any] | None = None

        async def call() -> Any:
            nonlocal future
            future = self._threads.submit(functools.partial(task.function, *args, **kwargs), late=self._came_back)
            return await future

        def halt(running: Running, why: Stop) -> None:
            if future is None or future.done():
                assert running.execution is not None
                running.execution.cancel()  # it is in middleware
            elif why is Stop.TIMEOUT:
                self._abandon(future, running.context)

        enter(running.context)
        running.begin(halt)
        try:
            layers = self._jobs.layers
            value = await (compose(layers, running.context, call) if layers else call)()
            outcome: Outcome = Completed(self._checked(task, value), running.terms.result_ttl)
        except BaseException as error:  # see _run_async
            outcome = await self._of_error(running, error)
        self._tasks.discard(running.execution)
        running.end(outcome)

    async def _of_error(self, running: Running, error: BaseException) -> Outcome:
        raised = Raised(await self._with_children(error, running.context))
        return decide(raised, running.terms, running.stopped)

    def _call_async(self, task: Task[..., Any], items: list[Any], context: Context, first: JobContext) -> Call:
        async def call() -> Any:
            try:
                return await task.function(items)
            except BaseException as error:  # SystemExit would end the event loop, not the job
                return Raised(error)

        running = asyncio.create_task(call(), context=context)

        def halt(why: Stop) -> None:
            running.cancel()

        return Call(running, halt)

    def _call_in_thread(self, task: Task[..., Any], items: list[Any], context: Context, first: JobContext) -> Call:
        function = functools.partial(task.function, items)
        future: asyncio.Future[Any] = context.run(self._threads.submit, function, late=self._came_back)

        def halt(why: Stop) -> None:
            if why is Stop.TIMEOUT and not future.done():
                self._abandon(future, first)

        return Call(future, halt)

    def _abandon(self, future: "asyncio.Future[Any]", job: JobContext) -> None:
        """Go on without a thread, which cannot be stopped."""
        future.set_exception(JobTimeout())
        self._stuck += 1
        self._log.thread_stuck(job, self._stuck)
        self._on_stuck(self._stuck)

    async def _with_children(self, error: BaseException, job: JobContext) -> BaseException:
        """Enqueue the jobs that a job wants to wait for; what it raised otherwise is left as it is."""
        signal = signal_within(error)
        if not isinstance(signal, WaitFor):
            return error
        try:
            keys, connections = self._jobs.keys(job.queue), self._jobs.connections
            before = await connections.arun(dependency_count(keys, job.id))
            children = list(signal.jobs)
            places = [place for place, child in enumerate(children) if isinstance(child, Draft)]
            # The same ids if this is done again, because the worker has died before the job was settled.
            drafts: list[Draft[Any]] = [
                replace(draft, id=draft.id or _child_id(job.id, before + number))
                for number, draft in enumerate(child for child in children if isinstance(child, Draft))
            ]
            # What is enqueued may be taken for a duplicate: then the job is waited for that stands.
            for place, handle in zip(places, await self._jobs.aenqueue_many(drafts), strict=True):
                children[place] = handle
            edges = edges_of([After(child, signal.on_failure) for child in dict.fromkeys(children)])
            return Waiting(",".join(edge.to_wire() for edge in edges))
        except Exception as failed:  # a job that is refused, or a server that is: the attempt has failed
            return failed

    def _checked(self, task: Task[..., Any], value: Any) -> bytes:
        result = task.signature.encode_result(value)
        limit = self._jobs.settings.max_payload
        if len(result) > limit:
            raise UnwritableResult(
                f"{task.name}() returned {len(result):,} bytes of JSON, over the limit of {limit:,}: keep the data"
                " elsewhere and return a reference, or raise JobQueue(max_payload=...)"
            )
        return result

    def _give_up(self, running: Running) -> None:
        """Settle an async task that was cancelled and does not end."""
        if not running.ended:
            self._log.ignores_cancellation(running.context)
            running.end(decide(Raised(asyncio.CancelledError()), running.terms, running.stopped))

    def _came_back(self) -> None:
        self._stuck -= 1


def _child_id(parent: str, number: int) -> str:
    name = f"{parent}:{number}"
    return name if len(name) <= 128 else f"{sha1(parent.encode()).hexdigest()}:{number}"
