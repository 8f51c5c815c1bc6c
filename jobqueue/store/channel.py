"""What commands from asyncio go through: one connection, on which they do not wait for each other's replies.

redis-py makes it: it knows about TLS, passwords, databases and sentinels. From then on this module writes and reads by
itself. redis-py takes a hundred microseconds of a processor for a command from asyncio, mostly to take a connection out
of a pool and for timeouts; this takes a tenth of it. What is sent in one turn of the event loop travels in two packets
at most.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import redis.asyncio
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import InvalidResponse, ResponseError
from redis.exceptions import TimeoutError as ReplyLate

from jobqueue.store.resp import Commands, is_spoken, new_parser, packed, read_replies


class Channel(Protocol):
    """What sends commands."""

    @property
    def closed(self) -> bool:
        """Whether it cannot be used any more."""
        ...

    async def send(self, commands: Commands) -> list[Any]:
        """Send commands in one round trip, and return their replies; errors of the server are among them.

        Raises:
            redis.ConnectionError, redis.TimeoutError: there was no reply. It is not known what was executed.
        """
        ...

    async def close(self) -> None:
        """Close it."""
        ...


async def open_channel(connections: "redis.asyncio.Redis", timeout: float) -> Channel:
    """Open a connection like those of a client, if it can be had; else what uses that client.

    Args:
        connections: the client.
        timeout: seconds that a reply may take.

    Raises:
        redis.RedisError, OSError: the server does not answer, or refuses.
    """
    pool = connections.connection_pool
    if not is_spoken() or not isinstance(pool, redis.asyncio.BlockingConnectionPool):
        return Pooled(connections)
    connection = pool.connection_class(**pool.connection_kwargs)
    await connection.connect()
    readers: Any = connections.response_callbacks
    return Direct(connection, timeout, readers)


class Pooled:
    """Sends each batch through a connection out of a pool: where others may block a connection, or there is no hiredis.

    Args:
        connections: the client.
    """

    closed = False

    def __init__(self, connections: "redis.asyncio.Redis") -> None:
        self._redis = connections

    async def send(self, commands: Commands) -> list[Any]:
        """See ``Channel``."""
        if len(commands) == 1:
            try:
                return [await self._redis.execute_command(*commands[0])]
            except ResponseError as error:
                return [error]
        async with self._redis.pipeline(transaction=False) as pipeline:
            for words in commands:
                pipeline.execute_command(*words)
            return list(await pipeline.execute(raise_on_error=False))

    async def close(self) -> None:
        """See ``Channel``: the connections that nobody uses are closed."""
        await self._redis.connection_pool.disconnect(inuse_connections=False)


class _Batch:
    """Commands that were sent together.

    Attributes:
        replies: what has come back.
        missing: how many replies have not.
        deadline: until when they are waited for, by the clock of the event loop.
        done: has the replies when all are there.
    """

    __slots__ = ("deadline", "done", "missing", "replies")

    def __init__(self, count: int, deadline: float, done: "asyncio.Future[list[Any]]") -> None:
        self.replies: list[Any] = []
        self.missing = count
        self.deadline = deadline
        self.done = done


class Direct(asyncio.Protocol):
    """A connection of its own.

    Args:
        connection: of redis-py; it is connected, and nobody else uses it.
        timeout: seconds that a reply may take. If it takes longer, the connection is given up.
        readers: what redis-py makes of the replies to some commands.
    """

    def __init__(self, connection: Any, timeout: float, readers: Mapping[str, Callable[..., Any]]) -> None:
        self._loop = asyncio.get_running_loop()
        self._connection = connection
        self._timeout = timeout
        self._readers = readers
        self._parser = new_parser()
        # What has been sent in this turn of the event loop after something else.
        self._outgoing: list[bytes] = []
        self._gathering = False
        self._pending: deque[_Batch] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._lost: Exception | None = None
        self._transport: asyncio.Transport = connection._writer.transport  # noqa: SLF001  there is no other way to it
        # It is told when the connection has ended: redis-py waits for that.
        self._before: asyncio.Protocol = self._transport.get_protocol()
        self._transport.set_protocol(self)

    @property
    def closed(self) -> bool:
        """See ``Channel``."""
        return self._lost is not None

    async def send(self, commands: Commands) -> list[Any]:
        """See ``Channel``."""
        data = packed(commands)
        if self._lost is not None:
            raise self._lost
        if self._transport.is_closing():  # the event loop knows, and will say so in its next turn
            raise ConnectionLost("the connection was lost")
        if self._gathering:
            self._outgoing.append(data)
        else:
            # At once: while the server works on it, so does whatever else this turn of the event loop has to do.
            self._transport.write(data)
            self._gathering = True
            self._loop.call_soon(self._flush)
        if self._timer is None:
            self._timer = self._loop.call_later(self._timeout, self._look_at_the_clock)
        done = self._loop.create_future()
        self._pending.append(_Batch(len(commands), self._loop.time() + self._timeout, done))
        replies = await done
        return read_replies(self._readers, commands, replies)

    async def close(self) -> None:
        """See ``Channel``."""
        self._end(ConnectionLost("the connection was closed here"))
        await self._connection.disconnect()

    # -- what the event loop calls -----------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Read replies."""
        self._parser.feed(data)
        try:
            while (reply := self._parser.gets()) is not False:
                batch = self._pending[0]
                batch.replies.append(reply)
                batch.missing -= 1
                if not batch.missing:
                    self._pending.popleft()
                    if not batch.done.done():
                        batch.done.set_result(batch.replies)
        except (InvalidResponse, IndexError) as error:  # what comes is no reply, or was not asked for
            self._end(ConnectionLost(f"the server has sent what is no reply: {error}"))

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell those who wait."""
        self._end(ConnectionLost(f"the connection was lost{f': {exc}' if exc else ''}"))
        self._before.connection_lost(exc)

    def eof_received(self) -> None:
        """Have it closed."""

    def pause_writing(self) -> None:
        """Nothing: what is written waits for its reply, so it is bounded."""

    def resume_writing(self) -> None:
        """See ``pause_writing``."""

    def _flush(self) -> None:
        self._gathering = False
        if self._outgoing and self._lost is None and not self._transport.is_closing():
            self._transport.write(b"".join(self._outgoing))
        self._outgoing.clear()

    def _look_at_the_clock(self) -> None:
        self._timer = None
        if self._pending:
            left = self._pending[0].deadline - self._loop.time()
            if left <= 0:
                self._end(ReplyLate(f"there was no reply within {self._timeout:g} s"))
            else:
                self._timer = self._loop.call_later(left, self._look_at_the_clock)

    def _end(self, error: Exception) -> None:
        if self._lost is not None:
            return
        self._lost = error
        if self._timer is not None:
            self._timer.cancel()
        self._transport.abort()
        while self._pending:
            done = self._pending.popleft().done
            if not done.done():
                done.set_exception(error)
