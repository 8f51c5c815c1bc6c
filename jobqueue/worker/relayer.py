"""Tells jobs how those ended that they depend on, within a queue and in others."""

from collections.abc import Callable, Sequence

from jobqueue.store.client import AsyncClient
from jobqueue.store.keys import QueueKeys
from jobqueue.store.relay import Message, delivered, receive, relay
from jobqueue.worker.log import WorkerLog
from jobqueue.worker.loop import Loop

IDLE = 5.0
"""Seconds between two looks while nothing is known to have ended: a message says when that changes."""


class Relayer(Loop):
    """Works off what the scripts leave: dependents by the thousand, and those in other queues.

    Any number of workers may do so. What is told twice counts once, so a worker that dies in between loses nothing.

    Args:
        queues: the queues.
        find: returns the keys of any queue: messages may go to one that this worker does not serve.
        client: executes the calls.
        log: is told of trouble.
    """

    name = "relayer"

    def __init__(
        self, queues: Sequence[QueueKeys], find: Callable[[str], QueueKeys], client: AsyncClient, log: WorkerLog
    ) -> None:
        super().__init__(log)
        self._queues = queues
        self._find = find
        self._client = client

    async def tick(self) -> float:
        """Tell some; those that are left come next."""
        replies = await self._client.run_many([relay(keys) for keys in self._queues])
        for keys, reply in zip(self._queues, replies, strict=True):
            by_queue: dict[str, list[Message]] = {}
            for message in reply.messages:
                by_queue.setdefault(message.queue, []).append(message)
            for queue, messages in by_queue.items():
                await self._client.run(receive(self._find(queue), messages))
                await self._client.run(delivered(keys, messages))
        return 0 if any(reply.more or reply.messages for reply in replies) else IDLE
