"""Who a process is to its queues: an id with a lease that a thread renews."""

import asyncio
import contextlib
import os
import re
import socket
import threading
from collections.abc import Callable, Sequence
from typing import Any

from jobqueue.errors import ServerError, ServerFull
from jobqueue.names import new_id
from jobqueue.outcome import Interrupted
from jobqueue.store.claims import Pulse, enlist, heartbeat, reap, register
from jobqueue.store.client import AsyncClient, SyncClient
from jobqueue.store.keys import QueueKeys, registry


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
        """
        self.id = _worker_id()
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
        self._order = ""
        self._beat_now = threading.Event()
        self._ending = False
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def join(self) -> None:
        """Enter the registries, and begin to send heartbeats."""
        self._loop = asyncio.get_running_loop()
        await self._register()
        # A thread, so that a task which blocks the event loop does not cost the jobs of the others their lease.
        self._thread = threading.Thread(target=self._beat, name="jobqueue-heartbeat", daemon=True)
        self._thread.start()

    async def rejoin(self) -> str:
        """Go on under a new id after the lease was lost; what is left in the old inbox is returned.

        Returns:
            The old id.
        """
        old, self.id = self.id, _worker_id()
        await self._register()
        await self._return_all(old, force=False)
        return old

    async def leave(self) -> None:
        """Leave the registries. Whatever the worker still holds is handed back."""
        await self.end_heartbeats()
        await self._return_all(self.id, force=True)

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

    async def _register(self) -> None:
        self._announce(self.id)
        for keys in self._queues:
            with contextlib.suppress(ServerFull):  # then there are jobs, and whoever enqueued them has named the queue
                await self._client.run(enlist(registry(keys.prefix), keys.queue))
            await self._client.run(register(keys, self.id, self._lease, self._info))

    async def _return_all(self, worker: str, force: bool) -> None:
        outcome = Interrupted("the worker shut down")
        for keys in self._queues:
            cursor = "0"
            while True:
                reply = await self._client.run(reap(keys, worker, outcome, force=force, cursor=cursor))
                cursor = reply.cursor
                if cursor in ("0", "-1"):
                    break

    def _beat(self) -> None:
        interval = self._lease / 3
        wait = interval
        while True:
            self._beat_now.wait(wait)
            self._beat_now.clear()
            if self._ending:
                return
            worker = self.id
            try:
                beats = [heartbeat(keys, worker, self._lease, self._answered(keys, worker)) for keys in self._queues]
                pulses = self._beat_client.run_many(beats)
            except ServerError as error:
                wait = min(1.0, interval)
                self._in_loop(self._trouble, error)
            else:
                wait = interval
                self._in_loop(self._felt, worker, pulses)

    def _in_loop(self, function: Callable[..., None], *args: Any) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(function, *args)
        except RuntimeError:
            self._ending = True  # the loop is closed: whoever ran it went away without a word

    def _felt(self, worker: str, pulses: Sequence[Pulse]) -> None:
        if worker == self.id:
            (self._held if all(pulse.live for pulse in pulses) else self._lost)()
        for keys, pulse in zip(self._queues, pulses, strict=True):
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
