"""Starts the jobs of schedules when their slots have come."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from jobqueue.schedule import plan
from jobqueue.seal import Seal
from jobqueue.store.client import AsyncClient
from jobqueue.store.inspect import queue_names
from jobqueue.store.keys import QueueKeys, queue_keys, registry
from jobqueue.store.schedules import BATCH, LATE, Definition, Due, Head, declare, due, fire, put, retire
from jobqueue.worker.log import WorkerLog
from jobqueue.worker.loop import Loop

IDLE = 60.0
"""Seconds between two looks while no slot is known to come: a message says when that changes."""

TELL_EVERY = 60.0
"""Seconds between two times that a worker says what its code declares, and retires what nobody's does any more."""

AGAIN = 1.0
"""Seconds until a slot is tried again for whose job the queue had no room."""

MOST_PAGES = 50
"""How many pages of due schedules are worked off before other queues have their turn."""


class Scheduler(Loop):
    """Sleeps until the next slot. Any number of workers may do so: each slot fires once.

    Args:
        declared: what the code declares, by queue and id.
        worker: returns the id of the worker.
        client: executes the calls.
        log: is told of trouble.
        seal: opens schedules and seals their jobs; None for plain text.
    """

    name = "scheduler"

    def __init__(
        self,
        declared: Mapping[QueueKeys, Mapping[str, Definition]],
        *,
        worker: Callable[[], str],
        client: AsyncClient,
        log: WorkerLog,
        seal: Seal | None = None,
    ) -> None:
        super().__init__(log)
        self._seal = seal
        self._declared = declared
        self._worker = worker
        self._client = client
        self._told_as = ""
        self._tell_at = 0.0
        # Of what was complained of already.
        self._unreadable: set[tuple[str, bytes]] = set()
        self._refused: set[tuple[str, str]] = set()

    async def tick(self) -> float:
        """Fire what is due."""
        clock = asyncio.get_running_loop()
        if self._told_as != (worker := self._worker()) or clock.time() >= self._tell_at:
            await self._tell(worker)
            self._tell_at = clock.time() + TELL_EVERY
        wait = IDLE
        for keys in self._declared:
            wait = min(wait, await self._fire_all(keys))
        return min(wait, self._tell_at - clock.time())

    async def _tell(self, worker: str) -> None:
        """Say what the code declares. The names come first: what they name is retired by nobody.

        What is in the server stays as the latest process to start has put it, until no other has it so any more.
        """
        for keys, definitions in self._declared.items():
            cursor, again = "0", set[str]() if self._told_as else set(definitions)
            while True:
                reply = await self._client.run(declare(keys, worker, cursor, definitions))
                again.update(reply.stale)
                self._retired(keys, reply.retired)
                if (cursor := reply.cursor) == "0":
                    break
            for name in again:
                await self._client.run(put(keys, name, definitions[name], "code"))
            if definitions:
                # A task may have been given another queue.
                names = await self._client.run(queue_names(registry(keys.prefix)))
                others = [queue_keys(keys.prefix, name) for name in names if name != keys.queue]
                for other, retired in zip(
                    others, await self._client.run_many([retire(other, definitions) for other in others]), strict=True
                ):
                    self._retired(other, retired)
        self._told_as = worker

    def _retired(self, keys: QueueKeys, names: Sequence[str]) -> None:
        for name in names:
            self._log.schedule_retired(keys.queue, name)

    async def _fire_all(self, keys: QueueKeys) -> float:
        """Fire what is due in a queue, and return the seconds until it is to be looked at again."""
        wait, left = IDLE, 0
        for _ in range(MOST_PAGES):
            reply = await self._client.run(due(keys, left))
            for each in reply.due:
                seconds = await self._fire(keys, each, reply.now)
                if seconds is None:
                    left += 1  # it stays at the front, and others are behind it
                else:
                    wait = min(wait, seconds)
            if reply.next is not None:
                wait = min(wait, reply.next)
            if len(reply.due) < BATCH:
                return wait
        return 0.0

    async def _fire(self, keys: QueueKeys, found: Due, now: datetime) -> float | None:
        """Fire the slots of a schedule; return the seconds until it is due again, or None if it is left to others."""
        try:
            definition = Definition.opened(keys, found.id, found.definition, self._seal)
        except ValueError as error:
            if (found.id, found.definition) not in self._unreadable:
                self._unreadable.add((found.id, found.definition))
                self._log.schedule_unreadable(keys.queue, found.id, error)
            return None
        what = plan(definition.schedule, found.head.since, found.head.fired, now)
        steps: list[tuple[datetime | None, datetime, datetime | None]]
        if what.slots:
            steps = [(slot, slot, after) for slot, after in zip(what.slots, [*what.slots[1:], what.next], strict=True)]
        else:
            steps = [(None, now if what.missed else found.head.since, what.next)]
        for number, (slot, since, following) in enumerate(steps):
            missed = what.missed if number == 0 else None
            call = fire(keys, found, definition, slot=slot, since=since, next=following, missed=missed, seal=self._seal)
            reply = await self._client.run(call)
            if reply.kind in LATE:
                if reply.kind == "retired":
                    self._retired(keys, [found.id])
                return 0.0  # another scheduler was faster, or it is over
            if reply.kind == "full":
                if (keys.queue, found.id) not in self._refused:
                    self._log.slot_refused(keys.queue, found.id)
                self._refused.add((keys.queue, found.id))
                return AGAIN
            self._refused.discard((keys.queue, found.id))
            if reply.kind == "skipped":
                self._log.slot_skipped(keys.queue, found.id, reply.job)
            found = found._replace(head=Head.parse(reply.head))
        return IDLE if what.next is None else max(0.0, (what.next - now).total_seconds())
