"""Jobs that are enqueued in one event loop at the same time travel together."""

import asyncio
from collections import deque

from jobqueue.store.client import AsyncClient
from jobqueue.store.jobs import CHUNK, Added, NewJob, add
from jobqueue.store.keys import QueueKeys

BYTES = 256 * 1024
"""Bytes of specifications from which on a call takes no further job: the server does nothing else meanwhile."""

_Waiting = tuple[NewJob, "asyncio.Future[Added | None]"]


class Adding:
    """Adds plain jobs, with at most one call under way for each queue. What comes meanwhile goes with the next one.

    So calls grow with the load, and a job that comes alone does not wait for company.

    Args:
        client: executes the calls.
    """

    def __init__(self, client: AsyncClient) -> None:
        self._client = client
        # A queue is in here while a call is under way.
        self._waiting: dict[QueueKeys, deque[_Waiting]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def add(self, keys: QueueKeys, job: NewJob) -> Added | None:
        """Add a job; see ``jobqueue.store.jobs.add``.

        Raises:
            ServerError: as for ``AsyncClient.run``. It is not known whether it was added.
        """
        waiting = self._waiting.get(keys)
        if waiting is not None:
            done: asyncio.Future[Added | None] = asyncio.get_running_loop().create_future()
            waiting.append((job, done))
            return await done
        self._waiting[keys] = deque()
        try:
            return await self._client.run(add(keys, [job]))
        finally:
            self._go_on(keys)

    def _go_on(self, keys: QueueKeys) -> None:
        waiting = self._waiting[keys]
        if not waiting:
            del self._waiting[keys]
            return
        batch: list[_Waiting] = []
        size = 0
        while waiting and len(batch) < CHUNK and size < BYTES:
            batch.append(waiting.popleft())
            size += len(batch[-1][0].specification)
        task = asyncio.get_running_loop().create_task(self._add_all(keys, batch))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _add_all(self, keys: QueueKeys, batch: list[_Waiting]) -> None:
        try:
            added = await self._client.run(add(keys, [job for job, _ in batch]))
        except asyncio.CancelledError:
            for _, done in batch:
                done.cancel()
            raise
        except Exception as error:  # whatever it is, each of those who wait is to have it
            for _, done in batch:
                if not done.done():
                    done.set_exception(error)
        else:
            for _, done in batch:
                if not done.done():
                    done.set_result(added)
        finally:
            self._go_on(keys)
