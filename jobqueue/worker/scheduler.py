"""Starts the jobs of schedules when their slots have come."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

from jobqueue.schedule import plan
from jobqueue.seal import Seal
from jobqueue.store.client import AsyncClient
from jobqueue.store.inspect import queue_names
from jobqueue.store.keys import QueueKeys, queue_keys, registry
from jobqueue.store.schedules import BATCH, LATE, Definition, Due, Head, declare, due, fire, put, retire
from jobqueue.worker.log import WorkerLog
from jobqueue.worker.loop import PAUSE_AFTER_ERROR, Loop

IDLE = 60.0
"""Seconds between two looks while no slot is known to come: a message says when that changes."""

TELL_EVERY = 60.0
"""Seconds between two times that a worker says what its code declares, and retires what nobody's does any more."""

AGAIN = 1.0
"""Seconds until a slot is tried again for whose job the queue had no room."""

MOST_PAGES = 50
"""How many pages of due schedules are worked off before other queues have their turn."""

GO_ON = 0.1
"""Seconds until the pages behind those are looked at, if nothing on them could be fired."""

FRONT_EVERY = 60.0
"""Seconds between two looks at schedules that cannot be fired here; in between, those behind them are looked at."""

REMEMBERED = 10_000
"""Of how many schedules it is remembered that they cannot be fired here. Others are read anew at each look."""


@dataclass(slots=True)
class _Place:
    """Where in the line of due schedules those begin that were not looked at.

    Attributes:
        until: the time of the event loop at which all are looked at again.
        left: how many are left at the front, because they cannot be fired here.
        last: the id of the last of those; what comes at its place tells whether they are still the same.
    """

    until: float
    left: int = 0
    last: str = ""


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
        self._told: set[QueueKeys] = set()
        self._tell_at = 0.0
        self._places: dict[QueueKeys, _Place] = {}
        # What cannot be fired here, by its digest, until it is read again; what was put there first is forgotten first.
        self._put_off: dict[bytes, float] = {}
        # Of what was complained of already.
        self._refused: set[tuple[str, str]] = set()

    async def tick(self) -> float:
        """Fire what is due."""
        clock = asyncio.get_running_loop()
        if self._told_as != (worker := self._worker()) or clock.time() >= self._tell_at:
            for keys, definitions in self._declared.items():
                await self._apart(keys, self._tell(keys, definitions, worker), None)
            self._told_as = worker
            self._tell_at = clock.time() + TELL_EVERY
        wait = IDLE
        for keys in self._declared:
            wait = min(wait, await self._apart(keys, self._fire_all(keys), PAUSE_AFTER_ERROR))
        return min(wait, self._tell_at - clock.time())

    async def _tell(self, keys: QueueKeys, definitions: Mapping[str, Definition], worker: str) -> None:
        """Say what the code declares. The names come first: what they name is retired by nobody.

        What is in the server stays as the latest process to start has put it, until no other has it so any more.
        """
        cursor, again = "0", set[str]() if keys in self._told else set(definitions)
        while True:
            reply = await self._client.run(declare(keys, worker, cursor, definitions))
            again.update(reply.stale)
            self._retired(keys, reply.retired)
            if (cursor := reply.cursor) == "0":
                break
        for name in again:
            await self._client.run(put(keys, name, definitions[name], "code"))
        self._told.add(keys)
        if definitions:
            # A task may have been given another queue.
            names = await self._client.run(queue_names(registry(keys.prefix)))
            others = [queue_keys(keys.prefix, name) for name in names if name != keys.queue]
            if others:
                for other, retired in await self._each(self._client, others, lambda keys: retire(keys, definitions)):
                    self._retired(other, retired)

    def _retired(self, keys: QueueKeys, names: Sequence[str]) -> None:
        for name in names:
            self._log.schedule_retired(keys.queue, name)

    async def _fire_all(self, keys: QueueKeys) -> float:
        """Fire what is due in a queue, and return the seconds until it is to be looked at again."""
        now = asyncio.get_running_loop().time()
        place = self._places.get(keys)
        if place is None or now >= place.until:
            self._places[keys] = place = _Place(now + FRONT_EVERY)
        wait, fired = IDLE, False
        for _ in range(MOST_PAGES):
            # The last of those that were left is read once more, to see that nothing has moved in front of it.
            reply = await self._client.run(due(keys, max(0, place.left - 1)))
            if place.left:
                if not reply.due or reply.due[0].id != place.last:
                    place.left = 0
                    continue
                place.left -= 1
            for each in reply.due:
                seconds = await self._fire(keys, each, reply.now)
                if seconds is None:
                    # It stays at the front, and others are behind it.
                    place.left += 1
                    place.last = each.id
                else:
                    wait, fired = min(wait, seconds), True
            if reply.next is not None:
                wait = min(wait, reply.next)
            if len(reply.due) < BATCH:
                return wait
        return 0.0 if fired else GO_ON

    def _is_put_off(self, digest: bytes) -> bool:
        return self._put_off.get(digest, 0.0) > asyncio.get_running_loop().time()

    def _put_it_off(self, digest: bytes) -> bool:
        """Leave a schedule alone for some time; tell whether that is new."""
        known = self._put_off.pop(digest, None) is not None
        self._put_off[digest] = asyncio.get_running_loop().time() + FRONT_EVERY
        if len(self._put_off) > REMEMBERED:
            del self._put_off[next(iter(self._put_off))]
        return not known

    async def _fire(self, keys: QueueKeys, found: Due, now: datetime) -> float | None:
        """Fire the slots of a schedule; return the seconds until it is due again, or None if it is left to others."""
        if found.head.state != "active":
            return None  # whoever made it so took it out of the line: somebody has put it there again
        text, seen = _digest(keys, found, found.definition), _digest(keys, found, found.head.text)
        if self._is_put_off(text) or self._is_put_off(seen):
            return None
        try:
            definition = Definition.opened(keys, found.id, found.definition, self._seal)
        except ValueError as error:
            if self._put_it_off(text):
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
            call = fire(
                keys,
                self._worker(),
                found,
                definition,
                slot=slot,
                since=since,
                next=following,
                missed=missed,
                seal=self._seal,
            )
            reply = await self._client.run(call)
            if reply.kind in LATE:
                if reply.kind == "retired":
                    self._retired(keys, [found.id])
                # Another scheduler was faster, or it is over. If it is here again just as it is, it is left alone.
                self._put_it_off(seen)
                return 0.0
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


def _digest(keys: QueueKeys, found: Due, text: bytes) -> bytes:
    return blake2b(f"{keys.place} {found.id} ".encode() + text, digest_size=16).digest()
