"""Deletes ended jobs beyond their retention."""

from collections.abc import Sequence

from jobqueue.retention import Retention
from jobqueue.store.client import AsyncClient
from jobqueue.store.keys import QueueKeys
from jobqueue.store.upkeep import prune
from jobqueue.worker.log import WorkerLog
from jobqueue.worker.loop import Loop

IDLE = 30.0
"""Seconds between two looks while there is little to delete."""

EVERY = 1000
"""How many jobs this process settles between two looks at most: a busy queue is pruned as fast as it fills."""


class Pruner(Loop):
    """Keeps the ended jobs of some queues within their retention."""

    name = "pruner"

    def __init__(self, queues: Sequence[QueueKeys], retention: Retention, client: AsyncClient, log: WorkerLog) -> None:
        super().__init__(log)
        self._queues = queues
        self._retention = retention
        self._client = client
        self._settled = 0

    def count(self, settled: int) -> None:
        """Say that this many jobs more have been settled."""
        self._settled += settled
        if self._settled >= EVERY:
            self._settled %= EVERY
            self.wake()

    async def tick(self) -> float:
        """Delete some of what is too old or too much."""
        pruned = await self._each(self._client, self._queues, lambda keys: prune(keys, self._retention))
        return 0 if any(more for _, more in pruned) else IDLE
