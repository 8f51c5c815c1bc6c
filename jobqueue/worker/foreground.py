"""Runs a job once in this process, for somebody who looks on: nothing is claimed, settled or written."""

import asyncio
import pdb  # noqa: T100  it is what was asked for
import queue
import sys
import threading
from bdb import BdbQuit
from collections.abc import Callable
from contextvars import Context, copy_context
from functools import partial
from types import TracebackType
from typing import Any

from jobqueue.app import JobQueue
from jobqueue.context import JobContext, enter
from jobqueue.job import JobInfo
from jobqueue.middleware import CallNext, compose
from jobqueue.worker.decide import Raised, Returned
from jobqueue.worker.life import shut_down, start_up
from jobqueue.worker.log import WorkerLog
from jobqueue.worker.reading import ReadJob

Request = tuple[Context, "asyncio.Future[Any]", asyncio.AbstractEventLoop]
"""A call of the function: its context variables, and who waits for it."""


class Foreground:
    """Runs one job in this thread, where a debugger can be used.

    An ``async`` function runs in an event loop here. A plain one runs in this thread, and the event loop of hooks and
    middleware in another, as in a worker.

    Args:
        jobs: the application.
        server: where its jobs are; what the job asks of others is asked there.
        job: the job.
        read: what was read of it.
        spoke: is called when it has said something of its progress, from any thread.
        stop_first: whether to stop in the debugger at the first line of the function.
    """

    def __init__(
        self,
        jobs: JobQueue,
        server: JobQueue,
        job: JobInfo,
        read: ReadJob,
        *,
        spoke: Callable[[JobContext], None],
        stop_first: bool,
    ) -> None:
        self._jobs = jobs
        self._task = read.task
        self._stop_first = stop_first
        self.context = JobContext(
            id=job.id,
            task=read.task.name,
            queue=job.queue,
            attempt=job.counts.attempt,
            max_attempts=read.terms.retry.attempts,
            # Lower than that of any execution: what looks at tokens refuses what this one writes.
            token=0,
            meta=read.meta,
            created_at=read.created_at,
            deadline=None,
            spoke=spoke,
            key=read.terms.key,
            bonds=server.job,
        )
        args = [[read.args[0]]] if read.task.settings.batch is not None else read.args
        self._function = partial(read.task.function, *args, **read.kwargs)

    def run(self) -> Returned | Raised:
        """Run it to its end.

        Raises:
            BdbQuit: the debugger was left.
            KeyboardInterrupt: it was interrupted.
        """
        ended = asyncio.run(self._live(self._call_async)) if self._task.is_async else self._beside_a_loop()
        if isinstance(ended, Raised) and isinstance(ended.error, BdbQuit | KeyboardInterrupt):
            raise ended.error
        return ended

    async def _live(self, call: CallNext) -> Returned | Raised:
        try:
            await start_up(self._jobs)
            enter(self.context)
            value = await compose(self._jobs.layers, self.context, call)()
            return Returned(self._task.signature.encode_result(value))
        except BaseException as error:  # a job may raise anything, and somebody wants to see it
            return Raised(error)
        finally:
            await shut_down(self._jobs, WorkerLog())

    def _beside_a_loop(self) -> Returned | Raised:
        requests: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        ended: list[Returned | Raised] = []

        async def call() -> Any:
            loop = asyncio.get_running_loop()
            future: asyncio.Future[Any] = loop.create_future()
            requests.put((copy_context(), future, loop))
            return _value(await future)

        def live() -> None:
            try:
                ended.append(asyncio.run(self._live(call)))
            finally:
                requests.put(None)

        thread = threading.Thread(target=live, name="jobqueue-foreground")
        thread.start()
        while (request := requests.get()) is not None:
            context, future, loop = request
            try:
                value: Any = context.run(self._call)
            except BaseException as error:  # as above; the middleware is to see it
                value = Raised(error)
            loop.call_soon_threadsafe(future.set_result, value)
        thread.join()
        return ended[0]

    def _call(self) -> Any:
        self._enter_batch()
        try:
            self._trace()
            return self._item(self._function())
        finally:
            if self._stop_first:
                sys.settrace(None)

    async def _call_async(self) -> Any:
        self._enter_batch()
        try:
            self._trace()
            return self._item(await self._function())
        finally:
            if self._stop_first:
                sys.settrace(None)

    def _trace(self) -> None:
        """Have the debugger stop in the next frame that begins, which is that of the function."""
        # What ``Pdb.runcall`` does; but that awaits nothing, and hides that the debugger was left.
        if self._stop_first:
            debugger = pdb.Pdb()
            debugger.reset()
            sys.settrace(debugger.trace_dispatch)

    def _enter_batch(self) -> None:
        if self._task.settings.batch is not None:
            enter((self.context,))

    def _item(self, value: Any) -> Any:
        """Return what became of the one item of a batch."""
        if self._task.settings.batch is None or value is None:
            return value
        [item] = value
        return _value(Raised(item)) if isinstance(item, BaseException) else item


def post_mortem(trace: TracebackType | None) -> None:
    """Enter the debugger where something was raised."""
    if trace is not None:
        pdb.post_mortem(trace)


def _value(value: Any) -> Any:
    if isinstance(value, Raised):
        raise value.error
    return value
