"""Waiting for jobs to end: woken by a message, not by asking again and again.

Whoever waits subscribes to the job's channel first and asks to be told second, so that no end falls in between. The
message can be lost all the same, with a connection; so after a silence the job is looked at once more.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Generator, Iterator, Sequence
from typing import Any

from redis.exceptions import RedisError

from jobqueue.errors import ServerUnavailable
from jobqueue.store import jobs as store_jobs
from jobqueue.store.client import AsyncClient, SyncClient, cancellations, obey
from jobqueue.store.failures import explain
from jobqueue.store.jobs import Watched
from jobqueue.store.keys import QueueKeys

SILENCE = 5.0
"""Seconds without a message after which jobs are looked at again."""

Job = tuple[QueueKeys, str]

Pending = dict[str, list[tuple[int, Job]]]
"""The jobs that have not ended: by their channel, each with its place in the sequence."""

Inbox = asyncio.Queue[dict[str, Any] | None]
"""The messages for one who waits; None says: look, a message may have been missed."""


def ended(client: SyncClient, jobs: Sequence[Job], timeout: float | None) -> Generator[tuple[int, Watched]]:
    """Yield jobs as they end, each as its place in the sequence and how it ended; stop when the time is over.

    Raises:
        ServerError: Redis refuses, or is not available for too long.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    pending = _by_channel(jobs)
    connection = client.server.sync_connections(most=1)
    messages = connection.pubsub(ignore_subscribe_messages=False)
    try:
        while pending:
            try:
                messages.subscribe(*pending)
                for _ in pending:
                    _require(messages.get_message(timeout=SILENCE))
                yield from _look(client, pending)
                while pending and (wait := _wait(deadline)) > 0:
                    message = messages.get_message(ignore_subscribe_messages=True, timeout=wait)
                    if message is None:
                        yield from _look(client, pending)
                    elif message["type"] == "message":
                        yield from _told(pending, message)
            except (RedisError, OSError) as error:
                problem = explain(error, client.server.where)
                if not isinstance(problem, ServerUnavailable) or _wait(deadline) <= 0:
                    raise problem from error
                messages.reset()
                # The client waits until the server is back, or gives up and says why.
                yield from _look(client, pending)
            if _wait(deadline) <= 0:
                return
    finally:
        messages.close()
        connection.close()
        connection.connection_pool.disconnect()


class AsyncWaiting:
    """Waits for jobs in one event loop. All who wait there share one connection."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client
        self._redis: Any = None
        self._messages: Any = None
        self._reader: asyncio.Task[None] | None = None
        self._cut = False
        self._inboxes: dict[str, list[Inbox]] = {}
        self._subscribed: dict[str, asyncio.Event] = {}
        self._changing = asyncio.Lock()
        """Held while the subscription is changed: a connection that is being made must not be read."""

    async def ended(self, jobs: Sequence[Job], timeout: float | None) -> AsyncGenerator[tuple[int, Watched]]:
        """Yield jobs as they end; see the function of the same name."""
        before = cancellations()
        deadline = None if timeout is None else time.monotonic() + timeout
        pending = _by_channel(jobs)
        inbox: Inbox = asyncio.Queue()
        channels = list(pending)
        try:
            await self._subscribe(channels, inbox)
            obey(before)
            for place, watched in await self._look(pending):
                yield place, watched
            while pending and (wait := _wait(deadline)) > 0:
                message = await _next(inbox, wait)
                obey(before)
                found = await self._look(pending) if message is None else list(_told(pending, message))
                for place, watched in found:
                    yield place, watched
        finally:
            await self._unsubscribe(channels, inbox)

    async def close(self) -> None:
        """Stop, and close the connection."""
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)
        if self._messages is not None:
            await self._messages.aclose()
            await self._redis.aclose()
            await self._redis.connection_pool.disconnect()
            self._messages = self._redis = None

    async def _look(self, pending: Pending) -> list[tuple[int, Watched]]:
        channels = list(pending)
        found: list[tuple[int, Watched]] = []
        for start in range(0, len(channels), store_jobs.CHUNK):
            some = channels[start : start + store_jobs.CHUNK]
            replies = await self._client.run_many([store_jobs.watch(*pending[channel][0][1]) for channel in some])
            found += _settled(pending, some, replies)
        return found

    async def _subscribe(self, channels: list[str], inbox: Inbox) -> None:
        for channel in channels:
            self._inboxes.setdefault(channel, []).append(inbox)
        fresh = [channel for channel in channels if channel not in self._subscribed]
        for channel in fresh:
            self._subscribed[channel] = asyncio.Event()
        async with self._changing:
            if self._messages is None:
                self._redis = self._client.server.async_connections(most=1)
                self._messages = self._redis.pubsub()
            if fresh and not self._cut:
                try:
                    await self._messages.subscribe(*fresh)
                except (RedisError, OSError):
                    self._cut = True  # the reader subscribes anew, until the server is back
        if self._reader is None or self._reader.done():
            self._reader = asyncio.create_task(self._read(), name="jobqueue-waiting")
        confirmed = [self._subscribed[channel] for channel in channels]
        with contextlib.suppress(TimeoutError):  # then the look that follows says what is wrong
            async with asyncio.timeout(SILENCE):
                for subscribed in confirmed:
                    await subscribed.wait()

    async def _unsubscribe(self, channels: list[str], inbox: Inbox) -> None:
        idle = []
        for channel in channels:
            inboxes = self._inboxes.get(channel, [])
            if inbox in inboxes:
                inboxes.remove(inbox)
            if not inboxes:
                self._inboxes.pop(channel, None)
                self._subscribed.pop(channel, None)
                idle.append(channel)
        async with self._changing:
            idle = [channel for channel in idle if channel not in self._inboxes]
            if idle and self._messages is not None and not self._cut:
                try:
                    await self._messages.unsubscribe(*idle)
                except (RedisError, OSError):
                    self._cut = True

    async def _read(self) -> None:
        """Hand messages to those who wait for them, over any number of connections, until nobody waits."""
        attempt = 0
        while self._inboxes:
            try:
                if self._cut:
                    await self._resubscribe()
                message = await self._messages.get_message(timeout=SILENCE)
                attempt = 0
            except (RedisError, OSError):
                self._cut = True
                await asyncio.sleep(min(2.0, 0.05 * 2**attempt))
                attempt += 1
                continue
            if message is None:
                continue
            channel = message["channel"].decode()
            if message["type"] == "subscribe" and channel in self._subscribed:
                self._subscribed[channel].set()
            elif message["type"] == "message":
                for inbox in self._inboxes.get(channel, []):
                    inbox.put_nowait(message)

    async def _resubscribe(self) -> None:
        async with self._changing:
            await self._messages.aclose()
            self._messages = self._redis.pubsub()
            await self._messages.subscribe(*self._inboxes)
            self._cut = False
        for inboxes in self._inboxes.values():
            for inbox in inboxes:
                inbox.put_nowait(None)  # look: a message may have been missed


async def _next(inbox: Inbox, wait: float) -> dict[str, Any] | None:
    try:
        # Not wait_for: before Python 3.12 it may return although it has been cancelled, and the caller would wait on.
        async with asyncio.timeout(wait):
            return await inbox.get()
    except TimeoutError:
        return None


def _by_channel(jobs: Sequence[Job]) -> Pending:
    pending: Pending = {}
    for place, (keys, job_id) in enumerate(jobs):
        pending.setdefault(keys.finished(job_id), []).append((place, (keys, job_id)))
    return pending


def _wait(deadline: float | None) -> float:
    return SILENCE if deadline is None else min(SILENCE, deadline - time.monotonic())


def _look(client: SyncClient, pending: Pending) -> Iterator[tuple[int, Watched]]:
    channels = list(pending)
    for start in range(0, len(channels), store_jobs.CHUNK):
        some = channels[start : start + store_jobs.CHUNK]
        replies = client.run_many([store_jobs.watch(*pending[channel][0][1]) for channel in some])
        yield from _settled(pending, some, replies)


def _settled(pending: Pending, channels: Sequence[str], replies: Sequence[Watched]) -> list[tuple[int, Watched]]:
    """Take the jobs that are not pending any more out of ``pending``, and return them."""
    found = []
    for channel, watched in zip(channels, replies, strict=True):
        if watched.known != "pending":
            found += [(place, watched) for place, _ in pending.pop(channel)]
    return found


def _told(pending: Pending, message: dict[str, Any]) -> Iterator[tuple[int, Watched]]:
    waiting = pending.pop(message["channel"].decode(), None)
    if waiting:
        record = message["data"]
        watched = Watched("ended", store_jobs.how_it_ended(record)) if record else Watched("missing", None)
        for place, _ in waiting:
            yield place, watched


def _require(message: Any) -> None:
    if message is None:
        raise TimeoutError("no answer to SUBSCRIBE")
