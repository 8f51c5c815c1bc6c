"""Lets delayed jobs start when their time has come."""

from collections.abc import Callable, Sequence

from jobqueue.store.client import AsyncClient
from jobqueue.store.keys import QueueKeys
from jobqueue.store.upkeep import promote
from jobqueue.worker.log import WorkerLog
from jobqueue.worker.loop import Loop

IDLE = 30.0
"""Seconds between two looks at most. A message says when something is due earlier than is known; it may be lost."""

UNHEARD = 5.0
"""The same while no messages come."""


class Promoter(Loop):
    """Sleeps until the next delayed job is due. Any number of workers may do so: each job is promoted once."""

    name = "promoter"

    def __init__(
        self, queues: Sequence[QueueKeys], client: AsyncClient, log: WorkerLog, *, heard: Callable[[], bool]
    ) -> None:
        """Make a promoter.

        Args:
            queues: the queues.
            client: executes the calls.
            log: is told of trouble.
            heard: says whether messages come.
        """
        super().__init__(log)
        self._queues = queues
        self._client = client
        self._heard = heard

    async def tick(self) -> float:
        """Promote what is due, some at a time."""
        promoted = await self._each(self._client, self._queues, promote)
        idle = IDLE if self._heard() else UNHEARD
        return min([idle, *(reply.next_due for _, reply in promoted if reply.next_due is not None)])
