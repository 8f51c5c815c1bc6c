"""The two clients: they execute calls, and send again what may be sent again."""

import asyncio
import random
import time
from collections.abc import Callable, Generator, Sequence
from typing import Any, TypeVar

import redis
import redis.asyncio
from redis.exceptions import NoScriptError, RedisError

from jobqueue.errors import JobQueueError, ServerError, ServerRefused, ServerUnavailable
from jobqueue.store.call import Argument, Call
from jobqueue.store.channel import Channel, Pooled, open_channel
from jobqueue.store.failures import explain
from jobqueue.store.server import REPLY_TIMEOUT, Server
from jobqueue.store.sockets import sockets_of

T = TypeVar("T")

PATIENCE = 2.0
"""Seconds for which a call is sent again while the server is unavailable, before the caller is told.

A reply is waited for longer than that. If none comes, the call is sent once more in any case: the connection may have
died unnoticed while it was idle, and a new one work.
"""

CONNECTIONS = 32
"""How many connections one client has at the same time."""

TIMEOUTS = (redis.exceptions.TimeoutError, TimeoutError)

OLDEST_SERVER = (6, 2)

Steps = Generator[list[Call[Any]] | float, list[Any], T]
"""What is to be done, step by step: calls to be executed in one round trip, or seconds to wait."""

Now = Callable[[], int | None]
"""Returns the time that scripts take for the server's, in milliseconds, or None for its own: tests travel with it."""


def server_time() -> None:
    """Leave the time to the server."""
    return


class _Client:
    """What both clients know: the server, what it understands, and how long to keep trying."""

    def __init__(self, server: Server, *, patience: float = PATIENCE, now: Now = server_time) -> None:
        self.server = server
        self._patience = patience
        self._now = now
        # Whether the server reads the flags in a script's first line: Redis 7, Valkey. Asked once, at the first call.
        self._flagged: bool | None = None
        # Scripts that the server has been sent. The first time their text goes, then only their hash.
        self._known: set[str] = set()

    def _words(self, call: Call[Any], whole: bool = False) -> tuple[Argument, ...]:
        now = self._now()
        known = call.name in self._known and not whole
        self._known.add(call.name)
        return call.words("" if now is None else str(now), bool(self._flagged), by_hash=known)

    def _read(self, call: Call[T], reply: Any) -> T:
        try:
            return call.read(reply)
        except JobQueueError:
            raise
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            # Whoever writes to the server may write anything there.
            raise ServerError(
                f"Redis at {self.server.where}: {call.name} has found what jobqueue does not write:"
                f" {type(error).__name__}: {error}"
            ) from error

    def _pause(
        self, error: ServerError, call: Call[Any] | None, attempt: int, deadline: float, cause: Exception
    ) -> float | None:
        """Return how many seconds to wait before sending again, or None if the error is to be raised."""
        if not isinstance(error, ServerUnavailable) or (call is not None and not call.repeatable):
            return None
        if attempt == 0 and self._patience and isinstance(cause, TIMEOUTS):
            return 0.0
        wait = random.uniform(0, min(2.0, 0.05 * 2 ** min(attempt, 10)))
        return wait if time.monotonic() + wait < deadline else None

    def _read_info(self, info: Any) -> None:
        if isinstance(info, Exception):
            if isinstance(explain(info, ""), ServerUnavailable):
                raise info
            info = None  # it does not say, to us
        version = _version(info)
        if version and version < OLDEST_SERVER:
            found = ".".join(map(str, version))
            raise ServerRefused(f"Redis at {self.server.where} is {found}: jobqueue needs 6.2 or later, or Valkey")
        self._flagged = version is not None and version >= (7,)


class SyncClient(_Client):
    """Executes calls from ordinary code. Threads may share it, and a forked process gets connections of its own."""

    def __init__(
        self, server: Server, *, patience: float = PATIENCE, now: Now = server_time, timeout: float = REPLY_TIMEOUT
    ) -> None:
        """Make a client.

        Args:
            server: the server.
            patience: seconds for which a repeatable call is sent again.
            now: see ``Now``.
            timeout: seconds to wait for a reply.
        """
        super().__init__(server, patience=patience, now=now)
        self.redis = server.sync_connections(most=CONNECTIONS, timeout=timeout)
        self._sockets = sockets_of(self.redis, CONNECTIONS)

    def run(self, call: Call[T]) -> T:
        """Execute one call.

        Raises:
            ServerError: the server refuses, is full, or was not available for too long.
        """
        return self._read(call, self._insist([call])[0])

    def run_many(self, calls: Sequence[Call[T]]) -> list[T]:
        """Execute calls in one round trip, in their order.

        Raises:
            ServerError: as for ``run``; calls before the failing one may have been executed.
        """
        replies = self._insist(calls)
        return [self._read(call, reply) for call, reply in zip(calls, replies, strict=True)]

    def follow(self, steps: Steps[T]) -> T:
        """Do what a generator wants done, and return what it returns. It is told of errors, and may go on."""
        try:
            step = next(steps)
            while True:
                replies: list[Any] = []
                try:
                    if isinstance(step, float):
                        time.sleep(step)
                    else:
                        replies = self.run_many(step)
                except JobQueueError as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(replies)
        except StopIteration as end:
            result: T = end.value
            return result

    def close(self) -> None:
        """Close all connections."""
        self._sockets.renew()
        self.redis.close()
        self.redis.connection_pool.disconnect()

    def _insist(self, calls: Sequence[Call[Any]]) -> list[Any]:
        deadline, attempt = time.monotonic() + self._patience, 0
        unsafe = next((call for call in calls if not call.repeatable), None)
        while True:
            try:
                if self._flagged is None:
                    self._ask_version()
                return self._send(calls)
            except (RedisError, OSError) as error:
                problem = explain(error, self.server.where, calls[0].script if calls else None)
                wait = self._pause(problem, unsafe, attempt, deadline, error)
                if wait is None:
                    raise problem from error
            # A server that was demoted stays connected: only a new connection finds the new one.
            self._sockets.renew()
            time.sleep(wait)
            attempt += 1

    def _ask_version(self) -> None:
        self._read_info(self._sockets.send([("INFO", "server")])[0])

    def _send(self, calls: Sequence[Call[Any]]) -> list[Any]:
        replies = self._sockets.send([self._words(call) for call in calls])
        missing = _first_missing(calls, replies)
        if missing is not None:
            self._known.clear()
            # The whole text: another thread may have noted meanwhile that the server is being sent it.
            replies[missing:] = self._sockets.send([self._words(call, whole=True) for call in calls[missing:]])
            _first_missing(calls, replies)
        return replies


class AsyncClient(_Client):
    """Executes calls from asyncio code. It belongs to the event loop in which it was made."""

    def __init__(
        self,
        server: Server,
        *,
        patience: float = PATIENCE,
        now: Now = server_time,
        trouble: Callable[[ServerError | None], None] = lambda error: None,
        most: int = CONNECTIONS,
    ) -> None:
        """Make a client.

        Args:
            server: the server.
            patience: seconds for which a repeatable call is sent again.
            now: see ``Now``.
            trouble: is told of an error that is waited out, and with None when the server answers again.
            most: how many connections at the same time.
        """
        super().__init__(server, patience=patience, now=now)
        self.redis = server.async_connections(most)
        self._trouble = trouble
        self._pooled = Pooled(self.redis)
        self._channel: Channel | None = None
        self._opening = asyncio.Lock()

    async def run(self, call: Call[T]) -> T:
        """Execute one call; see ``SyncClient.run``."""
        return self._read(call, (await self._insist([call]))[0])

    async def run_many(self, calls: Sequence[Call[T]]) -> list[T]:
        """Execute calls in one round trip; see ``SyncClient.run_many``."""
        replies = await self._insist(calls)
        return [self._read(call, reply) for call, reply in zip(calls, replies, strict=True)]

    async def follow(self, steps: Steps[T]) -> T:
        """Do what a generator wants done; see ``SyncClient.follow``."""
        try:
            step = next(steps)
            while True:
                replies: list[Any] = []
                try:
                    if isinstance(step, float):
                        await asyncio.sleep(step)
                    else:
                        replies = await self.run_many(step)
                except JobQueueError as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(replies)
        except StopIteration as end:
            result: T = end.value
            return result

    async def close(self) -> None:
        """Close all connections."""
        if self._channel is not None:
            await self._channel.close()
        await self.redis.aclose()
        await self.redis.connection_pool.disconnect()

    async def _insist(self, calls: Sequence[Call[Any]]) -> list[Any]:
        before = cancellations()
        deadline, attempt = time.monotonic() + self._patience, 0
        unsafe = next((call for call in calls if not call.repeatable), None)
        channel: Channel | None = None
        while True:
            try:
                # What waits blocks its connection.
                channel = self._pooled if any(call.confirms for call in calls) else await self._connected()
                if self._flagged is None:
                    await self._ask_version(channel)
                replies = await self._send(channel, calls)
            except (RedisError, OSError) as error:
                problem = explain(error, self.server.where, calls[0].script if calls else None)
                wait = self._pause(problem, unsafe, attempt, deadline, error)
                if wait is None:
                    raise problem from error
            else:
                if attempt:
                    self._trouble(None)
                obey(before)
                return replies
            self._trouble(problem)
            # A server that was demoted stays connected: only a new connection finds the new one.
            if channel is not None:
                await channel.close()
            await asyncio.sleep(wait)
            attempt += 1

    async def _connected(self) -> Channel:
        """Return what calls that do not wait go through, one for all of them."""
        if self._channel is None or self._channel.closed:
            async with self._opening:
                if self._channel is not None and self._channel.closed:
                    await self._channel.close()
                    self._channel = None
                if self._channel is None:
                    self._channel = await open_channel(self.redis, REPLY_TIMEOUT)
        return self._channel

    async def _ask_version(self, channel: Channel) -> None:
        self._read_info((await channel.send([("INFO", "server")]))[0])

    async def _send(self, channel: Channel, calls: Sequence[Call[Any]]) -> list[Any]:
        replies = await channel.send([self._words(call) for call in calls])
        missing = _first_missing(calls, replies)
        if missing is not None:
            self._known.clear()
            whole = [self._words(call, whole=True) for call in calls[missing:]]
            replies[missing:] = await channel.send(whole)
            _first_missing(calls, replies)
        return replies


def cancellations() -> int:
    """Return how often the running task has been cancelled."""
    task = asyncio.current_task()
    return task.cancelling() if task else 0


def obey(before: int) -> None:
    """Raise a cancellation that has come since ``before`` and got lost.

    redis-py sends with ``wait_for``, which before Python 3.12 may return although it has been cancelled.
    """
    if cancellations() > before:
        raise asyncio.CancelledError


def _first_missing(calls: Sequence[Call[Any]], replies: Sequence[Any]) -> int | None:
    """Return where the server did not know a script any more (it was restarted, or failed over); raise other errors.

    From there on all calls are sent again, those that did succeed too, in their order: they are repeatable. If a
    confirmation is at the end, it is all calls: they go through one connection, of which it speaks.
    """
    missing = None
    for index, (call, reply) in enumerate(zip(calls, replies, strict=True)):
        if isinstance(reply, NoScriptError):
            missing = index if missing is None else missing
        elif isinstance(reply, Exception) and not ((call.confirms or call.refusable) and _is_final(reply)):
            raise reply
    return 0 if missing is not None and calls[-1].confirms else missing


def _is_final(error: Exception) -> bool:
    return not isinstance(explain(error, ""), ServerUnavailable)


def _version(info: Any) -> tuple[int, ...] | None:
    """Return the version in the reply to INFO, which redis-py may have taken apart already."""
    if isinstance(info, dict):
        text = str(info.get("redis_version", ""))
    else:
        lines = (info or b"").decode("ascii", "replace").splitlines()
        text = next((line.partition(":")[2] for line in lines if line.startswith("redis_version:")), "")
    parts = text.strip().split(".")
    return tuple(map(int, parts)) if all(part.isdigit() for part in parts) else None
