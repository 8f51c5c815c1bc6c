"""Lets delayed jobs start when their time has come."""

from collections.abc import Sequence

from jobqueue.store.client import AsyncClient
from jobqueue.store.keys import QueueKeys
from jobqueue.store.upkeep import promote
from jobqueue.worker.log import WorkerLog
from jobqueue.worker.loop import Loop

IDLE = 5.0
"""Seconds between two looks at most. A message says when something is due earlier than is known; it may be lost."""


class Promoter(Loop):
    """Sleeps until the next delayed job is due. Any number of workers may do so: each job is promoted once."""

    name = "promoter"

    def __init__(self, queues: Sequence[QueueKeys], client: AsyncClient, log: WorkerLog) -> None:
        super().__init__(log)
        self._queues = queues
        self._client = client

    async def tick(self) -> float:
        """Promote what is due, some at a time."""
        promoted = await self._each(self._client, self._queues, promote)
        return min([IDLE, *(reply.next_due for _, reply in promoted if reply.next_due is not None)])
