"""What all background activities of a worker have in common."""

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from jobqueue.errors import ServerError
from jobqueue.store.call import Call
from jobqueue.store.client import AsyncClient
from jobqueue.store.keys import QueueKeys
from jobqueue.worker.apart import Found, concerns_one_queue, each
from jobqueue.worker.log import WorkerLog

T = TypeVar("T")

PAUSE_AFTER_ERROR = 1.0
"""Seconds to wait after a tick that failed."""


INSIST_EVERY = 0.5
"""Seconds after which a task is cancelled once more that has not ended."""


async def end(*tasks: "asyncio.Task[Any]") -> None:
    """Cancel tasks, and return when they have ended.

    They are cancelled until they do: what they wait in may return all the same, if its answer comes in that moment.
    """
    while left := [task for task in tasks if not task.done()]:
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=INSIST_EVERY)
    await asyncio.gather(*tasks, return_exceptions=True)


class Loop(ABC):
    """An activity that is repeated: a tick says how long to wait until the next.

    A tick that fails is logged and made again; nothing but ``stop`` ends the loop.
    """

    name: str

    def __init__(self, log: WorkerLog) -> None:
        self._log = log
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @abstractmethod
    async def tick(self) -> float:
        """Do what is to be done now, and return the seconds until the next tick."""

    def start(self) -> None:
        """Begin; the first tick is made at once."""
        self._task = asyncio.create_task(self._run(), name=f"jobqueue-{self.name}")

    def wake(self) -> None:
        """Make the next tick at once."""
        self._wake.set()

    async def stop(self) -> None:
        """End, in the middle of a tick if need be."""
        if self._task is not None:
            await end(self._task)
            self._task = None

    async def _each(
        self, client: AsyncClient, queues: Sequence[QueueKeys], make: Callable[[QueueKeys], Call[T]]
    ) -> Found[T]:
        """Execute a call for each queue, and return the queues that replied."""
        found, troubles = await client.follow(each(queues, make))
        for keys, error in troubles:
            self._log.queue_failed(self.name, keys.queue, error)
        return found

    async def _apart(self, keys: QueueKeys, work: Awaitable[T], otherwise: T) -> T:
        """Do something for one queue, or return ``otherwise``: whatever lies there must not hold up the others."""
        try:
            return await work
        except Exception as error:  # what lies in a queue may have been written by anybody, and break anything
            if not concerns_one_queue(error):
                raise
            self._log.queue_failed(self.name, keys.queue, error)
            return otherwise

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            try:
                wait = await self.tick()
            except ServerError as error:
                self._log.server_trouble(error)
                wait = PAUSE_AFTER_ERROR
            except Exception as error:  # whatever it is, a worker without this loop would be worse
                self._log.loop_failed(self.name, error)
                wait = PAUSE_AFTER_ERROR
            # Not wait_for: before Python 3.12 it may return although it has been cancelled, if it is woken as well.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._wake.wait()
