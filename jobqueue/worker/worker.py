"""A worker: runs the jobs of an application in this process until it is told to stop."""

import asyncio
import signal
from collections.abc import Callable, Coroutine, Sequence
from types import TracebackType
from typing import Any, Self

from jobqueue.app import JobQueue
from jobqueue.durations import seconds
from jobqueue.errors import InvalidOption
from jobqueue.names import check_name
from jobqueue.worker.engine import Engine, Supervision
from jobqueue.worker.executors.process import ProcessExecutor
from jobqueue.worker.log import WorkerLog
from jobqueue.worker.reference import AppReference

CONCURRENCY = 50
"""How many jobs a process runs at once, unless it is told otherwise."""

SHUTDOWN_TIMEOUT = 30.0
"""Seconds that running jobs have to end when the worker stops, unless it is told otherwise."""


class Worker:
    """Runs the jobs of an application in this process.

    ::

        Worker(jobs, queues=["mail"], concurrency=10).run()

    Several of them, in any number of processes and on any number of hosts, share the work. ``jobqueue worker`` starts
    them under a supervisor, which replaces processes that die.

    Args:
        jobs: the application.
        queues: the queues to take jobs from; if it is left out, those that the tasks name, and the default queue.
        concurrency: how many jobs run at once.
        burst: whether to end when no job is waiting any more, rather than to wait for new ones. Jobs that become due
            meanwhile are run; those that are due later are not waited for.
        shutdown_timeout: seconds that running jobs have to end when the worker stops, before they are interrupted and
            handed back.

    Attributes:
        left_running: how many jobs still ran in threads when the worker had stopped; a thread cannot be killed.

    Raises:
        InvalidOption: a value cannot work.
        InvalidName: a queue's name has characters that are not allowed.
    """

    def __init__(
        self,
        jobs: JobQueue,
        *,
        queues: Sequence[str] | None = None,
        concurrency: int = CONCURRENCY,
        burst: bool = False,
        shutdown_timeout: float = SHUTDOWN_TIMEOUT,
    ) -> None:
        if isinstance(concurrency, bool) or not isinstance(concurrency, int) or not 1 <= concurrency <= 10_000:
            raise InvalidOption(f"concurrency must be a whole number from 1 to 10,000, not {concurrency!r}")
        if isinstance(queues, str):
            raise InvalidOption(f"queues must be a list of names: [{queues!r}]")
        self.jobs = jobs
        self.queues = tuple(check_name(queue, "queue") for queue in dict.fromkeys(queues or queues_of(jobs)))
        self.concurrency = concurrency
        self.burst = burst
        self.shutdown_timeout = seconds(shutdown_timeout, "shutdown_timeout")
        self._supervision: Supervision | None = None
        self._examines = True
        self._error: BaseException | None = None
        self._log = WorkerLog()
        self.left_running = 0
        self._engine: Engine | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop_early = False
        self._hurry = asyncio.Event()
        self._stopping = asyncio.Event()

    def run(self) -> None:
        """Run until SIGTERM or SIGINT, or in burst mode until all is done. A second signal stops at once.

        Raises:
            InvalidOption: a task wants a process of its own, and other processes could not find the application.
            ServerError: Redis refuses.
        """
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(self._run_until_signalled())

    async def _run_until_signalled(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        await self.arun()

    async def arun(self, started: Callable[[], None] = lambda: None) -> None:
        """Run in the running event loop until ``stop`` is called, or in burst mode until all is done.

        Args:
            started: is called when the worker takes jobs.
        """
        try:
            await self._start(started)
            await self._wait()
        finally:
            await self._end()

    def stop(self) -> None:
        """Ask the worker to stop; the second time, to stop at once. May be called from any thread."""
        if self._loop is None:
            self._stop_early = True
        else:
            self._loop.call_soon_threadsafe(self._stop)

    def _stop(self) -> None:
        if self._stopping.is_set():
            self._hurry.set()
        self._stopping.set()

    def _failed(self, error: BaseException) -> None:
        self._error = error
        self._stopping.set()

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:  # a cancellation, too: without a start there is no __aexit__
            await self._end()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()

    async def _start(self, started: Callable[[], None] = lambda: None) -> None:
        self._hurry.clear()
        self._stopping.clear()
        self._loop = asyncio.get_running_loop()
        if self._stop_early:
            self._stopping.set()
        reference = AppReference.locate(self.jobs)
        wanting = [task.name for task in self.jobs if task.settings.run == "process"]
        if wanting and reference is None:
            raise InvalidOption(
                f"task {wanting[0]!r} wants a process of its own, which could not find the application: make the"
                " JobQueue a global of a module"
            )
        self._engine = Engine(
            self.jobs,
            self.queues,
            self.concurrency,
            processes=ProcessExecutor(reference) if reference else None,
            log=self._log,
            supervision=self._supervision,
            failed=self._failed,
            told_to_stop=self._stop,
            examines=self._examines,
        )
        # The server may be away for long: a worker that is told to stop must not wait for it.
        await self._unless_stopped(self._engine.start(waiting=not self.burst, started=started))

    async def _wait(self) -> None:
        assert self._engine is not None
        if self.burst and not self._stopping.is_set():
            await self._unless_stopped(self._engine.drained())
        else:
            await self._stopping.wait()
        if self._error is not None:
            raise RuntimeError("the worker could not go on") from self._error

    async def _unless_stopped(self, work: Coroutine[Any, Any, None]) -> None:
        """Do some work, until it is done or the worker is told to stop."""
        working = asyncio.create_task(work)
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not working.done():
            working.cancel()
        await asyncio.gather(working, stopping, return_exceptions=True)
        if not working.cancelled():
            working.result()

    async def _end(self) -> None:
        engine, self._engine = self._engine, None
        self._loop = None
        if engine is not None:
            self.left_running = await engine.stop(self.shutdown_timeout, self._hurry)


def queues_of(jobs: JobQueue) -> list[str]:
    """Return the queues that the tasks of an application name, and its default queue."""
    named = {task.settings.queue for task in jobs if task.settings.queue}
    return sorted({jobs.settings.queue, *named})


def loop_factory() -> Callable[[], Any] | None:
    """Return what makes the event loop: uvloop's if it is installed."""
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], Any] = uvloop.new_event_loop
    return factory
