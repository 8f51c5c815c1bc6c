"""Notices when the event loop does not run, because a task blocks it."""

import asyncio
import sys
import threading
import time
import traceback
from collections.abc import Callable

from jobqueue.worker.log import WorkerLog

BEAT = 1.0
"""Seconds between two signs of life of the event loop."""

BLOCKED_AFTER = 5.0
"""Seconds without one after which it counts as blocked."""


class Watchdog:
    """A thread that looks at the event loop from outside.

    Args:
        log: is told when the loop is blocked, and where.
        blocked: is called in the thread, again and again while the loop is blocked.
    """

    def __init__(self, log: WorkerLog, blocked: Callable[[], None]) -> None:
        self._log = log
        self._blocked = blocked
        self._seen = time.monotonic()
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._watched = 0

    def start(self) -> None:
        """Begin to watch the running event loop."""
        self._watched = threading.get_ident()
        self._beat()
        self._thread = threading.Thread(target=self._watch, name="jobqueue-watchdog", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """End."""
        self._ending.set()
        if self._timer is not None:
            self._timer.cancel()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)

    def _beat(self) -> None:
        self._seen = time.monotonic()
        self._timer = asyncio.get_running_loop().call_later(BEAT, self._beat)

    def _watch(self) -> None:
        said = False
        while not self._ending.wait(BEAT):
            silent = time.monotonic() - self._seen
            if silent < BLOCKED_AFTER:
                said = False
                continue
            if not said:
                frame = sys._current_frames().get(self._watched)  # noqa: SLF001  documented
                stack = "".join(traceback.format_stack(frame)[-8:]) if frame else "(unknown)"
                self._log.loop_blocked(silent, stack)
                said = True
            try:
                self._blocked()
            except Exception as error:  # whatever it is: nobody else notices a blocked loop, so it has to look on
                self._log.loop_failed("watchdog", error)
