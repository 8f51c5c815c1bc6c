"""The connections of an application: made when they are first needed, for threads and for each event loop."""

import asyncio
import os
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from typing import NamedTuple, TypeVar
from weakref import WeakKeyDictionary

from jobqueue.errors import UnreadableResult
from jobqueue.job import JobInfo
from jobqueue.seal import Seal, open_result
from jobqueue.signing import Distrusted
from jobqueue.store.adding import Adding
from jobqueue.store.call import Call
from jobqueue.store.client import AsyncClient, Now, Steps, SyncClient, server_time
from jobqueue.store.inspect import revealed
from jobqueue.store.jobs import Added, NewJob, Watched
from jobqueue.store.keys import QueueKeys
from jobqueue.store.server import Server
from jobqueue.store.waiting import AsyncWaiting, ended
from jobqueue.stored import READ_LIMIT, check_size

T = TypeVar("T")


class _OfLoop(NamedTuple):
    """What an event loop has of its own."""

    client: AsyncClient
    waiting: AsyncWaiting
    adding: Adding


class Connections:
    """What an application talks to its server through.

    Args:
        find: returns the server; asked once, at the first use.
        now: see ``jobqueue.store.client.Now``.
        seal: seals what is written and opens what is read; None if texts are plain.
        read_limit: bytes of a job or a result that are decoded.
    """

    def __init__(
        self,
        find: Callable[[], Server],
        now: Now = server_time,
        seal: Seal | None = None,
        read_limit: int = READ_LIMIT,
    ) -> None:
        self.seal = seal
        self.read_limit = read_limit
        self._find = find
        self._now = now
        self._server: Server | None = None
        self._sync: SyncClient | None = None
        self._sync_process = 0
        self._lock = threading.RLock()
        self._loops: WeakKeyDictionary[asyncio.AbstractEventLoop, _OfLoop] = WeakKeyDictionary()

    @property
    def server(self) -> Server:
        """The server."""
        with self._lock:
            if self._server is None:
                self._server = self._find()
            return self._server

    @property
    def now(self) -> Now:
        """The time that scripts take for the server's."""
        return self._now

    def result(self, keys: QueueKeys, job_id: str, text: bytes) -> bytes:
        """Return the JSON text of what a job has returned.

        Args:
            keys: the queue of the job.
            job_id: its id.
            text: as it is stored.

        Raises:
            UnreadableResult: it is too long, not signed as it should be, or cannot be decrypted.
        """
        try:
            check_size(text, "it", self.read_limit)
            return open_result(self.seal, keys.place, job_id, text)
        except Distrusted as error:
            raise UnreadableResult(f"the result of job {job_id} is refused: {error}") from None
        except ValueError as error:
            raise UnreadableResult(f"the result of job {job_id} cannot be read: {error}") from None

    def revealed(self, keys: QueueKeys, job: JobInfo) -> JobInfo:
        """Return what is known of a job among many, decrypted as far as there are keys."""
        return revealed(self.seal, keys, job)

    def read(self, keys: QueueKeys, job: JobInfo) -> JobInfo:
        """Return the same of one job, which is decoded as far as a worker would."""
        return revealed(self.seal, keys, job, self.read_limit)

    def sync_client(self) -> SyncClient:
        """Return the client for ordinary code."""
        # A forked child must not share its parent's sockets.
        if self._sync is None or self._sync_process != os.getpid():
            with self._lock:
                if self._sync is None or self._sync_process != os.getpid():
                    self._sync = SyncClient(self.server, now=self._now)
                    self._sync_process = os.getpid()
        return self._sync

    def async_client(self) -> AsyncClient:
        """Return the client of the running event loop."""
        return self._of_loop().client

    def run(self, call: Call[T]) -> T:
        """Execute one call; see ``SyncClient.run``."""
        return self.sync_client().run(call)

    def run_many(self, calls: Sequence[Call[T]]) -> list[T]:
        """Execute calls in one round trip; see ``SyncClient.run_many``."""
        return self.sync_client().run_many(calls)

    async def arun(self, call: Call[T]) -> T:
        """Execute one call from asyncio; see ``AsyncClient.run``."""
        return await self.async_client().run(call)

    async def aadd(self, keys: QueueKeys, job: NewJob) -> Added | None:
        """Add a plain job, together with those that come at the same time; see ``jobqueue.store.jobs.add``."""
        return await self._of_loop().adding.add(keys, job)

    async def arun_many(self, calls: Sequence[Call[T]]) -> list[T]:
        """Execute calls in one round trip from asyncio; see ``AsyncClient.run_many``."""
        return await self.async_client().run_many(calls)

    def follow(self, steps: Steps[T]) -> T:
        """Do what a generator wants done; see ``SyncClient.follow``."""
        return self.sync_client().follow(steps)

    async def afollow(self, steps: Steps[T]) -> T:
        """Do what a generator wants done, from asyncio; see ``SyncClient.follow``."""
        return await self.async_client().follow(steps)

    def ended(self, jobs: Sequence[tuple[QueueKeys, str]], timeout: float | None) -> Generator[tuple[int, Watched]]:
        """Yield jobs as they end, each as its place in the sequence and how it ended; stop when the time is over."""
        return ended(self.sync_client(), jobs, timeout)

    def aended(
        self, jobs: Sequence[tuple[QueueKeys, str]], timeout: float | None
    ) -> AsyncGenerator[tuple[int, Watched]]:
        """Yield jobs as they end, from asyncio; see ``ended``."""
        return self._of_loop().waiting.ended(jobs, timeout)

    def close(self) -> None:
        """Close the connections for ordinary code. They are made anew when they are needed again."""
        with self._lock:
            client, self._sync = self._sync, None
        if client is not None and self._sync_process == os.getpid():
            client.close()

    async def aclose(self) -> None:
        """Close the connections of the running event loop, and those for ordinary code."""
        entry = self._loops.pop(asyncio.get_running_loop(), None)
        if entry is not None:
            await entry.waiting.close()
            await entry.client.close()
        self.close()

    def _of_loop(self) -> "_OfLoop":
        loop = asyncio.get_running_loop()
        entry = self._loops.get(loop)
        if entry is None:
            client = AsyncClient(self.server, now=self._now)
            entry = self._loops[loop] = _OfLoop(client, AsyncWaiting(client), Adding(client))
        return entry
