"""Lets parked jobs start that this worker knows."""

import time
from collections.abc import Callable, Mapping, Sequence

from jobqueue.store.claims import fetch, unpark
from jobqueue.store.client import AsyncClient
from jobqueue.store.keys import QueueKeys
from jobqueue.worker.log import WorkerLog
from jobqueue.worker.loop import Loop

EVERY = 5.0
"""Seconds between two looks."""

AGAIN = 0.02
"""Seconds until the next look after one that has found as much as this worker could take."""


class Unparker(Loop):
    """Looks for parked jobs when the worker starts, and now and then: another worker may park what this one knows.

    A worker with free slots takes them itself. In the line they would be anybody's, and those who do not know them are
    quick: they would park most of them again. If all slots are taken, some go to the line all the same, because another
    worker may have room for them, and because a worker that is always busy must come to them too.

    Args:
        queues: the queues.
        known: the tasks that this worker knows, each with the fingerprint of what reads its arguments.
        versions: the versions of those tasks.
        worker: says under which id it works now.
        free: says how many slots are free.
        landed: is told of a queue of which jobs are in the inbox.
        client: executes the calls.
        log: is told what has returned.
    """

    name = "unparker"

    def __init__(
        self,
        queues: Sequence[QueueKeys],
        known: Sequence[tuple[str, str]],
        versions: Mapping[str, int],
        *,
        worker: Callable[[], str],
        free: Callable[[], int],
        landed: Callable[[QueueKeys], None],
        client: AsyncClient,
        log: WorkerLog,
    ) -> None:
        super().__init__(log)
        self._queues = queues
        self._known = known
        self._versions = versions
        self._worker = worker
        self._free = free
        self._landed = landed
        self._client = client
        self._patience_until = 0.0
        self._resting = False

    def rest(self) -> None:
        """Look no more. What it fetched while the worker stops would go to the line, and be fetched again and again."""
        self._resting = True

    async def tick(self) -> float:
        """Take some of them, or let some of them start; those that are left come next."""
        if self._resting:
            return EVERY
        if not self._free() and time.monotonic() < self._patience_until:
            return AGAIN
        more = False
        for keys in self._queues:
            more = await self._apart(keys, self._look(keys), False) or more
        if not more:
            # Not at once after a look without a free slot: what went to the line may be parked again already.
            return EVERY
        # There may be more, and these slots are soon free again: only if not, what is left goes to the line.
        self._patience_until = time.monotonic() + EVERY
        return AGAIN

    async def _look(self, keys: QueueKeys) -> bool:
        """Look into a queue; whether there may be more."""
        free = self._free()
        call = (
            fetch(keys, self._worker(), free, self._known, self._versions)
            if free
            else unpark(keys, self._known, self._versions)
        )
        count = await self._client.run(call)
        if count:
            self._log.unparked(keys.queue, count)
            if free:
                self._landed(keys)
        return bool(free) and count >= free
