"""Following what happens in queues, as it happens.

One who follows a queue has it keep events for a while, and says so again before that is over. So a queue that nobody
follows writes none.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from typing import Any

from redis.exceptions import RedisError

from jobqueue.errors import ServerError, ServerUnavailable
from jobqueue.store.call import Call
from jobqueue.store.client import AsyncClient, SyncClient
from jobqueue.store.control import keep_events
from jobqueue.store.events import Positions, QueueEvent, last_event
from jobqueue.store.failures import explain
from jobqueue.store.inspect import queue_names
from jobqueue.store.keys import QueueKeys, queue_keys, registry

LEASE = 30.0
"""Seconds for which a queue keeps events after it was told that somebody follows."""

RENEW = 10.0
"""Seconds after which it is told again."""

LOOK = 1.0
"""Seconds that one read waits at most; then it is looked whether there are new queues."""

PAUSE = 0.5
"""Seconds between two attempts to reach a server that is away."""

Trouble = Callable[[ServerError | None], None]

Steps = Generator[list[Call[Any]], list[Any], None]


class _Following:
    """What is followed; the calls are made by others."""

    def __init__(self, prefix: str, queues: Sequence[str]) -> None:
        self.positions = Positions()
        self._prefix = prefix
        self._chosen = queues
        self._followed: dict[str, QueueKeys] = {}
        self._begun = False
        self._renew_at = 0.0

    def look(self) -> Steps:
        """Find new queues, and have all of them keep events."""
        names = self._chosen or (yield [queue_names(registry(self._prefix))])[0]
        fresh = [queue_keys(self._prefix, name) for name in names if name not in self._followed]
        # Of a queue that comes later, all is news. This comes before it is told to keep events, so that none is missed.
        last = (yield [last_event(keys) for keys in fresh]) if fresh and not self._begun else ["0-0"] * len(fresh)
        due = time.monotonic() >= self._renew_at
        told = [*fresh, *(self._followed.values() if due else ())]
        if told:
            yield [keep_events(keys, LEASE) for keys in told]
        if due:
            self._renew_at = time.monotonic() + RENEW
        for keys, entry in zip(fresh, last, strict=True):
            self._followed[keys.queue] = keys
            self.positions.add(keys, entry)
        self._begun = True

    def cut(self) -> None:
        """Say that the server was away: it may have forgotten what it was told."""
        self._renew_at = 0.0


def follow(
    client: SyncClient, prefix: str, queues: Sequence[str], timeout: float | None, trouble: Trouble
) -> Generator[QueueEvent]:
    """Yield what happens in queues from now on.

    Args:
        client: for what does not block; reading has a connection of its own.
        prefix: what keys begin with.
        queues: the names of the queues; none for all that there are and will be.
        timeout: seconds after which it ends; None for never.
        trouble: is told when the server is away, and with None when it is back.

    Raises:
        ServerError: Redis refuses, or is not available at the beginning.
    """
    following, deadline = _Following(prefix, queues), _Deadline(timeout)
    connection = client.server.sync_connections(most=1)
    begun, away = False, False
    try:
        while deadline.left > 0:
            try:
                _make(client, following.look())
                begun = True
                if away:
                    trouble(None)
                    away = False
                if len(following.positions):
                    reply = connection.execute_command(*following.positions.command(deadline.left))
                    yield from following.positions.read(reply)
                else:
                    time.sleep(deadline.left)
            except (RedisError, OSError, ServerUnavailable) as error:
                problem = _explained(error, client.server.where)
                if not begun or not isinstance(problem, ServerUnavailable):
                    raise problem from error
                if not away:
                    trouble(problem)
                away = True
                following.cut()
                connection.connection_pool.disconnect()
                time.sleep(min(PAUSE, max(0.0, deadline.left)))
    finally:
        connection.close()
        connection.connection_pool.disconnect()


async def afollow(
    client: AsyncClient, prefix: str, queues: Sequence[str], timeout: float | None, trouble: Trouble
) -> AsyncGenerator[QueueEvent]:
    """Yield what happens in queues from now on, from asyncio; see ``follow``."""
    following, deadline = _Following(prefix, queues), _Deadline(timeout)
    connection = client.server.async_connections(most=1)
    begun, away = False, False
    try:
        while deadline.left > 0:
            try:
                await _amake(client, following.look())
                begun = True
                if away:
                    trouble(None)
                    away = False
                if len(following.positions):
                    reply = await connection.execute_command(*following.positions.command(deadline.left))
                    for event in following.positions.read(reply):
                        yield event
                else:
                    await asyncio.sleep(deadline.left)
            except (RedisError, OSError, ServerUnavailable) as error:
                problem = _explained(error, client.server.where)
                if not begun or not isinstance(problem, ServerUnavailable):
                    raise problem from error
                if not away:
                    trouble(problem)
                away = True
                following.cut()
                await connection.connection_pool.disconnect()
                await asyncio.sleep(min(PAUSE, max(0.0, deadline.left)))
    finally:
        await connection.aclose()
        await connection.connection_pool.disconnect()


class _Deadline:
    def __init__(self, timeout: float | None) -> None:
        self._at = None if timeout is None else time.monotonic() + timeout

    @property
    def left(self) -> float:
        """Seconds that may be waited now."""
        return LOOK if self._at is None else min(LOOK, self._at - time.monotonic())


def _explained(error: Exception, where: str) -> ServerError:
    return error if isinstance(error, ServerError) else explain(error, where)


def _make(client: SyncClient, steps: Steps) -> None:
    replies: list[Any] | None = None
    while True:
        try:
            calls = next(steps) if replies is None else steps.send(replies)
        except StopIteration:
            return
        replies = client.run_many(calls)


async def _amake(client: AsyncClient, steps: Steps) -> None:
    replies: list[Any] | None = None
    while True:
        try:
            calls = next(steps) if replies is None else steps.send(replies)
        except StopIteration:
            return
        replies = await client.run_many(calls)
