"""Waits for a job with BLMOVE, on a connection of its own."""

import asyncio
from typing import Any

from redis.exceptions import RedisError

from jobqueue.errors import ServerError
from jobqueue.store.call import Argument, run_command
from jobqueue.store.channel import Channel, open_channel
from jobqueue.store.claims import blocking_move
from jobqueue.store.client import AsyncClient
from jobqueue.store.failures import explain
from jobqueue.store.keys import QueueKeys

BLOCK = 3.0
"""Seconds that a BLMOVE may block. After this time a connection that has died unnoticed is noticed."""

PATIENCE = 3.0
"""Seconds that its reply may take beyond that."""

UNBLOCKING = 1.0
"""Seconds to try to end a wait."""


class Waiter:
    """Lets the server hand over the next job of a queue as soon as there is one.

    Args:
        keys: the queue.
        client: whose server it is; ends the wait when the worker stops.
    """

    def __init__(self, keys: QueueKeys, client: AsyncClient) -> None:
        self._keys = keys
        self._client = client
        self._redis: Any = None
        self._channel: Channel | None = None
        self._client_id: int | None = None
        self._waiting: asyncio.Future[None] | None = None
        self._blocking = False
        self._interrupted = False
        self._stopped = False

    async def wait(self, worker: str) -> bool:
        """Wait for a job; whether one is in the worker's inbox now.

        Raises:
            ServerError: the server refuses or is not available; a job may be in the inbox all the same.
        """
        if self._stopped:
            return False
        self._interrupted = False
        self._waiting = asyncio.get_running_loop().create_future()
        try:
            return await self._move(worker)
        finally:
            self._blocking = False
            self._waiting.set_result(None)
            self._waiting = None

    async def _move(self, worker: str) -> bool:
        server = self._client.server
        try:
            if self._channel is None:
                if self._redis is None:
                    self._redis = server.async_connections(most=1, timeout=BLOCK + PATIENCE)
                self._channel = await open_channel(self._redis, BLOCK + PATIENCE)
            if self._client_id is None:
                self._client_id = await self._ask("CLIENT", "ID")
            if self._interrupted:
                return False
            self._blocking = True
            return await self._ask(*blocking_move(self._keys, worker, BLOCK, server.knows_blmove)) is not None
        except (RedisError, OSError) as error:
            # A server that was demoted stays connected: only a new connection finds the new one.
            await self._disconnect()
            raise explain(error, server.where) from error

    async def _ask(self, *words: Argument) -> Any:
        assert self._channel is not None
        [reply] = await self._channel.send([words])
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def _disconnect(self) -> None:
        self._client_id = None
        if self._channel is not None:
            channel, self._channel = self._channel, None
            await channel.close()

    async def stop(self) -> None:
        """End the wait, and begin no other."""
        self._stopped = True
        await self.interrupt()

    async def interrupt(self) -> None:
        """End the wait. After this the server has no BLMOVE of this worker to serve, if that can be had."""
        self._interrupted = True
        try:
            async with asyncio.timeout(UNBLOCKING):
                while (waiting := self._waiting) is not None:
                    if self._blocking and self._client_id is not None:
                        # Closing the connection would be noticed only after the server has handed out a job. The
                        # command may overtake the BLMOVE, so it is said until the wait is over.
                        await self._client.run(
                            run_command("CLIENT", "UNBLOCK", self._client_id, read=int, repeatable=True)
                        )
                    await asyncio.wait((waiting,), timeout=0.02)
        except (ServerError, TimeoutError):
            pass  # a server that cannot do this is left to the reaper, which looks after the inbox of the dead

    async def close(self) -> None:
        """Close the connection."""
        await self._disconnect()
        if self._redis is not None:
            await self._redis.aclose()
            await self._redis.connection_pool.disconnect()
            self._redis = None
