"""Takes back the jobs of workers that have died."""

import random
from collections.abc import Callable, Sequence

from jobqueue.outcome import Lost
from jobqueue.store.claims import Reaped, dying, reap
from jobqueue.store.client import AsyncClient
from jobqueue.store.keys import QueueKeys
from jobqueue.worker.log import WorkerLog
from jobqueue.worker.loop import Loop


class Reaper(Loop):
    """Looks for leases that have run out, and returns what their workers held."""

    name = "reaper"

    def __init__(
        self,
        queues: Sequence[QueueKeys],
        *,
        lease: float,
        max_lost: int,
        calm_for: Callable[[], float],
        client: AsyncClient,
        log: WorkerLog,
    ) -> None:
        """Make a reaper.

        Args:
            queues: the queues it looks after.
            lease: seconds of a worker's lease.
            max_lost: how often a job may be lost before it has failed.
            calm_for: returns for how many seconds the server has answered without a break.
            client: executes its calls.
            log: is told what it did.
        """
        super().__init__(log)
        self._queues = queues
        self._lease = lease
        self._max_lost = max_lost
        self._calm_for = calm_for
        self._client = client

    async def tick(self) -> float:
        """Reap every worker whose lease has run out."""
        # After an outage all leases have run out, also those of the living: they are given time to renew them.
        missing = self._lease / 2 - self._calm_for()
        if missing > 0:
            return missing
        for keys in self._queues:
            await self._apart(keys, self._reap_all(keys), None)
        return self._lease / 3 * random.uniform(0.8, 1.2)

    async def _reap_all(self, keys: QueueKeys) -> None:
        for worker in await self._client.run(dying(keys)):
            await self._apart(keys, self._reap(keys, worker), None)

    async def _reap(self, keys: QueueKeys, worker: str) -> None:
        outcome = Lost("the lease of its worker ran out: the process or its host died, froze, or lost its connection")
        reply = Reaped("0", 0, 0)
        while True:
            reply = await self._client.run(reap(keys, worker, outcome, cursor=reply.cursor, max_lost=self._max_lost))
            if reply.returned or reply.failed:
                self._log.reaped(keys.queue, worker, reply.returned, reply.failed)
            if reply.cursor in ("0", "-1"):
                return
