"""Who a process is to its queues: an id with a lease that a thread renews."""

import asyncio
import contextlib
import os
import re
import socket
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from jobqueue.errors import ServerError, ServerFull
from jobqueue.names import new_id
from jobqueue.outcome import Interrupted
from jobqueue.store.call import Call
from jobqueue.store.claims import Pulse, enlist, heartbeat, reap, register
from jobqueue.store.client import AsyncClient, SyncClient
from jobqueue.store.keys import QueueKeys, registry
from jobqueue.worker.apart import Found, QueueTrouble, concerns_one_queue, each


class Membership:
    """A worker's place in the registries of its queues.

    An id is used for one life only: when the lease is lost, the process goes on under a new one.
    """

    def __init__(
        self,
        queues: Sequence[QueueKeys],
        *,
        lease: float,
        info: dict[str, Any],
        client: AsyncClient,
        beat_client: SyncClient,
        announce: Callable[[str], None],
        held: Callable[[], None],
        lost: Callable[[], None],
        forgotten: Callable[[QueueKeys], None],
        answered: Callable[[QueueKeys, str], int],
        cancelling: Callable[[QueueKeys, str], None],
        ordered: Callable[[str], None],
        trouble: Callable[[ServerError | None], None],
        failed: Callable[[QueueKeys, Exception], None],
    ) -> None:
        """Make a membership.

        Args:
            queues: the queues.
            lease: seconds after which the worker is taken for dead without a heartbeat.
            info: what ``status`` shows of the worker.
            client: registers and leaves.
            beat_client: sends the heartbeats, from their thread.
            announce: is told each id before it is used.
            held: is called in the event loop with each heartbeat that has renewed the lease.
            lost: is called in the event loop when the lease is gone.
            forgotten: is called in the event loop with a queue of which the server has lost its latest writes.
            answered: returns the last request on a queue to which the worker of an id has an answer. It is called in
                the thread of the heartbeats.
            cancelling: is called in the event loop with each active job of the queues that was asked to stop.
            ordered: is called in the event loop with what operators tell the worker to do, once for each order.
            trouble: is called in the event loop when a heartbeat cannot be sent.
            failed: is called in the event loop with a queue in which something is wrong; the others go on.
        """
        self.id = _worker_id()
        self.outside: set[QueueKeys] = set()
        """The queues in whose registry it could not be entered: it has no lease there, and takes no jobs."""
        self._queues = queues
        self._lease = lease
        self._info = info
        self._client = client
        self._beat_client = beat_client
        self._announce = announce
        self._held = held
        self._lost = lost
        self._forgotten = forgotten
        self._answered = answered
        self._cancelling = cancelling
        self._ordered = ordered
        self._trouble = trouble
        self._failed = failed
        self._order = ""
        self._beat_now = threading.Event()
        self._ending = False
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def join(self) -> None:
        """Enter the registries, and begin to send heartbeats."""
        self._loop = asyncio.get_running_loop()
        self._announce(self.id)
        for keys in self._queues:
            await self._register(keys)
        # A thread, so that a task which blocks the event loop does not cost the jobs of the others their lease.
        self._thread = threading.Thread(target=self._beat, name="jobqueue-heartbeat", daemon=True)
        self._thread.start()

    async def rejoin(self) -> str:
        """Go on under a new id after the lease was lost; what is left in the old inbox is returned.

        Returns:
            The old id.
        """
        old, self.id = self.id, _worker_id()
        self._announce(self.id)
        self.outside = set(self._queues)
        await self.enter()
        for keys in self._queues:
            await self._apart(keys, self._return_all(keys, old, force=False))
        return old

    async def enter(self) -> None:
        """Enter the registries in which it is not."""
        for keys in [keys for keys in self._queues if keys in self.outside]:
            await self._apart(keys, self._register(keys))

    async def leave(self) -> None:
        """Leave the registries. Whatever the worker still holds is handed back."""
        await self.end_heartbeats()
        for keys in self._queues:
            await self._apart(keys, self._return_all(keys, self.id, force=True))

    async def end_heartbeats(self) -> None:
        """Stop sending heartbeats."""
        self._ending = True
        self._beat_now.set()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)
            self._thread = None

    def suspect(self) -> None:
        """Send a heartbeat now: something suggests that the lease is gone, or that a message was missed."""
        self._beat_now.set()

    async def _register(self, keys: QueueKeys) -> None:
        with contextlib.suppress(ServerFull):  # then there are jobs, and whoever enqueued them has named the queue
            await self._client.run(enlist(registry(keys.prefix), keys.queue))
        await self._client.run(register(keys, self.id, self._lease, self._info))
        self.outside.discard(keys)

    async def _return_all(self, keys: QueueKeys, worker: str, force: bool) -> None:
        outcome = Interrupted("the worker shut down")
        cursor = "0"
        while True:
            reply = await self._client.run(reap(keys, worker, outcome, force=force, cursor=cursor))
            cursor = reply.cursor
            if cursor in ("0", "-1"):
                return

    async def _apart(self, keys: QueueKeys, work: Awaitable[None]) -> None:
        """Do something for one queue. What lies there must not keep the others from being served."""
        try:
            await work
        except ServerError as error:
            if len(self._queues) == 1 or not concerns_one_queue(error):
                raise
            self._failed(keys, error)

    def _beat(self) -> None:
        interval = self._lease / 3
        wait = interval
        while True:
            self._beat_now.wait(wait)
            self._beat_now.clear()
            if self._ending:
                return
            worker = self.id

            def beat(keys: QueueKeys, worker: str = worker) -> Call[Pulse]:
                return heartbeat(keys, worker, self._lease, self._answered(keys, worker))

            try:
                pulses, troubles = self._beat_client.follow(each(self._queues, beat))
            except ServerError as error:
                wait = min(1.0, interval)
                self._in_loop(self._trouble, error)
            else:
                wait = interval
                self._in_loop(self._felt, worker, pulses, troubles)

    def _in_loop(self, function: Callable[..., None], *args: Any) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(function, *args)
        except RuntimeError:
            self._ending = True  # the loop is closed: whoever ran it went away without a word

    def _felt(self, worker: str, pulses: Found[Pulse], troubles: Sequence[QueueTrouble]) -> None:
        for keys, error in troubles:
            self._failed(keys, error)
        if worker == self.id:
            (self._held if all(pulse.live or keys in self.outside for keys, pulse in pulses) else self._lost)()
        for keys, pulse in pulses:
            if pulse.forgotten and worker == self.id:
                self._forgotten(keys)
            for job_id in pulse.cancelling:
                self._cancelling(keys, job_id)
            if pulse.order not in ("", self._order):
                self._order = pulse.order
                self._ordered(pulse.order)


def _worker_id() -> str:
    host = re.sub(r"[^A-Za-z0-9_.-]", "-", socket.gethostname())[:40] or "host"
    return f"{host}.{os.getpid()}.{new_id()[:8]}"
