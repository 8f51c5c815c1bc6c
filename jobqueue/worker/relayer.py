"""Tells jobs how those ended that they depend on, within a queue and in others."""

from collections.abc import Callable, Sequence

from jobqueue.errors import InvalidName, ServerError
from jobqueue.store.client import AsyncClient
from jobqueue.store.keys import QueueKeys
from jobqueue.store.relay import Message, delivered, receive, relay
from jobqueue.worker.apart import concerns_one_queue
from jobqueue.worker.log import WorkerLog
from jobqueue.worker.loop import Loop

IDLE = 30.0
"""Seconds between two looks while nothing is known to have ended: a message says when that changes."""

UNHEARD = 5.0
"""The same while no messages come."""

GO_ON = 0.1
"""Seconds until others are picked from a queue of which none that were picked could be told."""


class Relayer(Loop):
    """Works off what the scripts leave: dependents by the thousand, and those in other queues.

    Any number of workers may do so. What is told twice counts once, so a worker that dies in between loses nothing.
    What cannot be told stays where it is. It holds nothing up: which ones are picked is left to chance.

    Args:
        queues: the queues.
        find: returns the keys of any queue: messages may go to one that this worker does not serve.
        client: executes the calls.
        log: is told of trouble.
        heard: says whether messages come.
    """

    name = "relayer"

    def __init__(
        self,
        queues: Sequence[QueueKeys],
        find: Callable[[str], QueueKeys],
        client: AsyncClient,
        log: WorkerLog,
        *,
        heard: Callable[[], bool],
    ) -> None:
        super().__init__(log)
        self._heard = heard
        self._queues = queues
        self._find = find
        self._client = client

    async def tick(self) -> float:
        """Tell some; those that are left come next."""
        wait = IDLE if self._heard() else UNHEARD
        for keys, reply in await self._each(self._client, self._queues, relay):
            told = await self._apart(keys, self._carry(keys, reply.messages), 0)
            if told or (reply.more and not reply.messages):
                wait = 0
            elif reply.more:
                wait = min(wait, GO_ON)
        return wait

    async def _carry(self, keys: QueueKeys, messages: Sequence[Message]) -> int:
        """Tell other queues what a queue has for them; return how many messages were told."""
        by_queue: dict[str, list[Message]] = {}
        for message in messages:
            if message.understood:
                by_queue.setdefault(message.queue, []).append(message)
            else:
                self._not_told(keys, message, "it is not one that this version understands")
        return sum([await self._tell(keys, queue, some) for queue, some in by_queue.items()])

    async def _tell(self, keys: QueueKeys, queue: str, messages: Sequence[Message]) -> int:
        try:
            await self._client.run(receive(self._find(queue), messages))
        except (InvalidName, ServerError) as error:
            if not concerns_one_queue(error):
                raise
            if len(messages) > 1:
                # It may be one of them: that must not keep the others.
                return sum([await self._tell(keys, queue, [message]) for message in messages])
            self._not_told(keys, messages[0], str(error))
            return 0
        await self._client.run(delivered(keys, messages))
        return len(messages)

    def _not_told(self, keys: QueueKeys, message: Message, reason: str) -> None:
        self._log.not_told(keys.queue, keys["outgoing"], message.text, reason)
