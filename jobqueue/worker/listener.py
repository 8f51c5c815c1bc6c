"""Listens for what operators and producers say to the workers of a queue: cancel a job, promote earlier."""

from collections.abc import Callable, Mapping
from typing import Any

from redis.exceptions import RedisError

from jobqueue.store.failures import explain
from jobqueue.store.keys import QueueKeys
from jobqueue.store.server import Server
from jobqueue.worker.log import WorkerLog
from jobqueue.worker.loop import Loop

SILENCE = 4.0
"""Seconds without a word after which the server is asked whether it is still there."""

ANSWER_WITHIN = 2.0
"""Seconds that its answer may take. A connection that has died unnoticed (half-open TCP) is noticed so."""


class Listener(Loop):
    """One subscription for all queues of a worker.

    Messages make things fast, not right: one that is lost is made good by the next heartbeat, which reads what was
    cancelled, and by the next look of the promoter and the others. So that they are not lost for long, a connection on
    which nothing comes is tried.
    """

    name = "listener"

    def __init__(
        self,
        queues: Mapping[str, QueueKeys],
        server: Server,
        *,
        cancel: Callable[[QueueKeys, str], None],
        promote: Callable[[], None],
        relay: Callable[[], None],
        schedule: Callable[[], None],
        order: Callable[[], None],
        missed: Callable[[], None],
        log: WorkerLog,
    ) -> None:
        """Make a listener.

        Args:
            queues: the queues by their control channel.
            server: where they are.
            cancel: is called with a job that is to stop.
            promote: is called when a job may be due earlier than was known.
            relay: is called when jobs have ended that others depend on.
            schedule: is called when a schedule may have a slot earlier than was known.
            order: is called when a worker of the queue was told to do something.
            missed: is called when messages may have been missed.
            log: is told of trouble.
        """
        super().__init__(log)
        self._queues = queues
        self._server = server
        self._cancel = cancel
        self._promote = promote
        self._relay = relay
        self._schedule = schedule
        self._order = order
        self._missed = missed
        self._redis: Any = None
        self._messages: Any = None
        self._asked = False
        self._subscribed = False

    @property
    def listening(self) -> bool:
        """Whether messages come, as far as is known."""
        return self._subscribed

    async def tick(self) -> float:
        """Read one message, or ask for a sign of life."""
        try:
            if self._messages is None:
                self._redis = self._server.async_connections(most=1)
                self._messages = self._redis.pubsub()
                await self._messages.subscribe(*self._queues)
            message = await self._messages.get_message(timeout=ANSWER_WITHIN if self._asked else SILENCE)
            if message is None:
                if self._asked:
                    raise TimeoutError("the connection on which messages come has gone silent")
                await self._messages.ping()
            self._asked = message is None
        except (RedisError, OSError) as error:
            await self._close()
            raise explain(error, self._server.where) from error
        if message is not None:
            self._hear(message)
        return 0

    async def stop(self) -> None:
        """End, and close the connection."""
        await super().stop()
        await self._close()

    def _hear(self, message: dict[str, Any]) -> None:
        if message["type"] == "subscribe":
            self._subscribed = True
            self._missed()
            return
        if message["type"] != "message":
            return
        verb, _, argument = message["data"].decode("utf-8", "replace").partition(" ")
        if verb == "cancel":
            self._cancel(self._queues[message["channel"].decode()], argument)
        elif verb == "promote":
            self._promote()
        elif verb == "relay":
            self._relay()
        elif verb == "schedule":
            self._schedule()
        elif verb == "order":
            self._order()

    async def _close(self) -> None:
        messages, connection = self._messages, self._redis
        self._messages = self._redis = None
        self._asked = self._subscribed = False
        if messages is not None:
            try:
                await messages.aclose()
                await connection.aclose()
                await connection.connection_pool.disconnect()
            except (RedisError, OSError):
                pass  # it is broken already
