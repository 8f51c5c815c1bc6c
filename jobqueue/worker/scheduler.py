"""Starts the jobs of schedules when their slots have come."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime

from jobqueue.schedule import plan
from jobqueue.store.client import AsyncClient
from jobqueue.store.keys import QueueKeys
from jobqueue.store.schedules import BATCH, Definition, Due, Head, declare, due, fire, put
from jobqueue.worker.log import WorkerLog
from jobqueue.worker.loop import Loop

IDLE = 60.0
"""Seconds between two looks while no slot is known to come: a message says when that changes."""

TELL_EVERY = 60.0
"""Seconds between two times that a worker says what its code declares, and retires what nobody's does any more."""

AGAIN = 1.0
"""Seconds until a slot is tried again for whose job the queue had no room."""


class Scheduler(Loop):
    """Sleeps until the next slot. Any number of workers may do so: each slot fires once.

    Args:
        declared: what the code declares, by queue and id.
        worker: returns the id of the worker.
        client: executes the calls.
        log: is told of trouble.
    """

    name = "scheduler"

    def __init__(
        self,
        declared: Mapping[QueueKeys, Mapping[str, Definition]],
        *,
        worker: Callable[[], str],
        client: AsyncClient,
        log: WorkerLog,
    ) -> None:
        super().__init__(log)
        self._declared = declared
        self._worker = worker
        self._client = client
        self._told_as = ""
        self._tell_at = 0.0
        self._unreadable: set[tuple[str, bytes]] = set()

    async def tick(self) -> float:
        """Fire what is due."""
        clock = asyncio.get_running_loop()
        if self._told_as != (worker := self._worker()) or clock.time() >= self._tell_at:
            await self._tell(worker)
            self._tell_at = clock.time() + TELL_EVERY
        wait = IDLE
        for keys, reply in zip(
            self._declared, await self._client.run_many([due(keys) for keys in self._declared]), strict=True
        ):
            for each in reply.due:
                wait = min(wait, await self._fire(keys, each, reply.now))
            if reply.next is not None:
                wait = min(wait, reply.next)
            if len(reply.due) == BATCH:
                wait = 0.0
        return min(wait, self._tell_at - clock.time())

    async def _tell(self, worker: str) -> None:
        """Say what the code declares. The names come first: what they name is retired by nobody."""
        for keys, definitions in self._declared.items():
            cursor = "0"
            while True:
                cursor, retired = await self._client.run(declare(keys, worker, cursor, definitions))
                for name in retired:
                    self._log.schedule_retired(keys.queue, name)
                if cursor == "0":
                    break
            if self._told_as != worker:
                for name, definition in definitions.items():
                    await self._client.run(put(keys, name, definition, "code"))
        self._told_as = worker

    async def _fire(self, keys: QueueKeys, found: Due, now: datetime) -> float:
        """Fire the slots of a schedule, and return the seconds until it is to be looked at again."""
        try:
            definition = Definition.from_wire(found.definition)
        except ValueError as error:
            if (found.id, found.definition) not in self._unreadable:
                self._unreadable.add((found.id, found.definition))
                self._log.schedule_unreadable(keys.queue, found.id, error)
            return IDLE
        what = plan(definition.schedule, found.head.since, found.head.fired, now)
        steps: list[tuple[datetime | None, datetime, datetime | None]]
        if what.slots:
            steps = [(slot, slot, after) for slot, after in zip(what.slots, [*what.slots[1:], what.next], strict=True)]
        else:
            steps = [(None, now if what.missed else found.head.since, what.next)]
        for number, (slot, since, following) in enumerate(steps):
            missed = what.missed if number == 0 else None
            call = fire(keys, found, definition, slot=slot, since=since, next=following, missed=missed)
            reply = await self._client.run(call)
            if reply.kind == "changed":
                return 0.0  # another scheduler was faster
            if reply.kind == "full":
                self._log.slot_refused(keys.queue, found.id)
                return AGAIN
            if reply.kind == "skipped":
                self._log.slot_skipped(keys.queue, found.id, reply.job)
            found = found._replace(head=Head.parse(reply.head))
        return IDLE if what.next is None else max(0.0, (what.next - now).total_seconds())
