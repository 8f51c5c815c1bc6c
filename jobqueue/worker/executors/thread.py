"""Runs plain functions in threads."""

import asyncio
import contextvars
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

_Work = Callable[[], None]


class ThreadExecutor:
    """A pool that grows to as many threads as jobs run at once.

    The threads are daemons: one that hangs does not keep the process from ending. One that has been given up on is
    replaced by another, and ends itself if it ever comes back.
    """

    def __init__(self) -> None:
        self._work: SimpleQueue[_Work | None] = SimpleQueue()
        self._idle = 0
        self._threads = 0
        self._lock = threading.Lock()

    def submit(self, function: Callable[[], Any], late: Callable[[], None]) -> "asyncio.Future[Any]":
        """Run a function in a thread, in the caller's context.

        Args:
            function: the function.
            late: is called in the event loop when the function ends after somebody else has finished the future.

        Returns:
            A future of the running event loop.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        context = contextvars.copy_context()

        def work() -> None:
            try:
                result, error = context.run(function), None
            except BaseException as raised:  # whatever it is, it is how the job ended
                result, error = None, raised
            try:
                loop.call_soon_threadsafe(_finish, future, result, error, late)
            except RuntimeError:
                pass  # the loop is closed: the worker has given the job up and gone

        with self._lock:
            if self._idle:
                self._idle -= 1
            else:
                self._threads += 1
                threading.Thread(target=self._serve, name=f"jobqueue-job-{self._threads}", daemon=True).start()
        self._work.put(work)
        return future

    def close(self) -> None:
        """Let the idle threads end."""
        for _ in range(self._threads):
            self._work.put(None)

    def _serve(self) -> None:
        while (work := self._work.get()) is not None:
            work()
            with self._lock:
                self._idle += 1


def _finish(future: "asyncio.Future[Any]", result: Any, error: BaseException | None, late: Callable[[], None]) -> None:
    if future.done():
        late()
    elif error is None:
        future.set_result(result)
    elif isinstance(error, StopIteration):
        # A future cannot carry it: it would end the coroutine that awaits it.
        future.set_exception(RuntimeError(f"the function raised {error!r}"))
    else:
        future.set_exception(error)
