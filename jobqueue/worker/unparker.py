"""Lets parked jobs start that this worker knows."""

from collections.abc import Sequence

from jobqueue.store.claims import unpark
from jobqueue.store.client import AsyncClient
from jobqueue.store.keys import QueueKeys
from jobqueue.worker.log import WorkerLog
from jobqueue.worker.loop import Loop

EVERY = 5.0
"""Seconds between two looks. A worker that does not know a job may park it again: then it is somebody else's turn."""


class Unparker(Loop):
    """Looks for parked jobs when the worker starts, and now and then: another worker may park what this one knows.

    Args:
        queues: the queues.
        known: the tasks that this worker knows, each with the fingerprint of its signature.
        client: executes the calls.
        log: is told what has returned.
    """

    name = "unparker"

    def __init__(
        self, queues: Sequence[QueueKeys], known: Sequence[tuple[str, str]], client: AsyncClient, log: WorkerLog
    ) -> None:
        super().__init__(log)
        self._queues = queues
        self._known = known
        self._client = client

    async def tick(self) -> float:
        """Let some of them start; those that are left come next."""
        counts = await self._client.run_many([unpark(keys, self._known) for keys in self._queues])
        for keys, count in zip(self._queues, counts, strict=True):
            if count:
                self._log.unparked(keys.queue, count)
        return 0 if any(counts) else EVERY
