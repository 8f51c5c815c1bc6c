"""The schedules of an application: put them at run time, look at them, pause, trigger and remove them."""

from collections.abc import Generator, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NoReturn, Protocol

from jobqueue.cron import Cron
from jobqueue.durations import seconds
from jobqueue.errors import InvalidOption, QueueFull, ScheduleConflict, ScheduleNotFound, suggestion
from jobqueue.handle import JobHandle, any_result
from jobqueue.names import new_id
from jobqueue.schedule import Every, Schedule, as_schedule, check_schedule_id, slot_id
from jobqueue.seal import Seal
from jobqueue.store import schedules
from jobqueue.store.call import Call
from jobqueue.store.claims import enlist
from jobqueue.store.connections import Connections
from jobqueue.store.inspect import queue_names
from jobqueue.store.keys import QueueKeys, registry
from jobqueue.store.schedules import Definition, ScheduleInfo, SchedulePage, Template
from jobqueue.task import Draft

BACKFILL_LIMIT = 10_000
"""How many slots one call of ``backfill`` fills at most."""

_PART = 100

Steps = Generator[list[Call[Any]] | float, list[Any], Any]


class Application(Protocol):
    """What schedules need of an application."""

    def keys(self, queue: str) -> QueueKeys:
        """Return the keys of a queue."""
        ...

    def template(self, draft: Draft[Any]) -> tuple[QueueKeys, bytes]:
        """Return where the jobs of a schedule go, and their specification."""
        ...


class Schedules:
    """What ``jobs.schedules`` is.

    Each method has a twin for asyncio, whose name begins with ``a``.
    """

    def __init__(self, application: Application, connections: Connections, prefix: str) -> None:
        self._application = application
        self._connections = connections
        self._prefix = prefix

    def upsert(self, schedule_id: str, job: Draft[Any], when: Cron | Every | Schedule) -> ScheduleInfo:
        """Put a schedule, or change the one of this id. Putting the same twice changes nothing.

        ::

            jobs.schedules.upsert("report-acme", report.draft("acme"), Cron("0 9 * * mon-fri", tz="Europe/Paris"))

        Args:
            schedule_id: its id.
            job: what each slot starts: a draft, with all options but an id, a time and dependencies.
            when: its times, with ``Schedule(...)`` also what becomes of slots that cannot run as they should.

        Raises:
            InvalidOption: the job or the times cannot be those of a schedule.
            ScheduleConflict: the schedule is in the code of an application.
            ServerError: Redis refuses or is not available; so in all methods below.
        """
        info: ScheduleInfo = self._connections.follow(self._upsert(schedule_id, job, when))
        return info

    async def aupsert(self, schedule_id: str, job: Draft[Any], when: Cron | Every | Schedule) -> ScheduleInfo:
        """See ``upsert``."""
        info: ScheduleInfo = await self._connections.afollow(self._upsert(schedule_id, job, when))
        return info

    def list(self) -> tuple[ScheduleInfo, ...]:
        """Return all schedules, in the order of their next slots; those that have none come last."""
        found: tuple[ScheduleInfo, ...] = self._connections.follow(self._list())
        return found

    async def alist(self) -> tuple[ScheduleInfo, ...]:
        """See ``list``."""
        found: tuple[ScheduleInfo, ...] = await self._connections.afollow(self._list())
        return found

    def get(self, schedule_id: str, *, queue: str | None = None) -> ScheduleInfo:
        """Return a schedule.

        Args:
            schedule_id: its id.
            queue: its queue; it need be said only if more than one has an active schedule of this id.

        Raises:
            ScheduleNotFound: there is none of this id; so in all methods below.
            ScheduleConflict: more than one queue has one; so in all methods below.
        """
        info: ScheduleInfo = self._connections.follow(self._get(schedule_id, queue))
        return info

    async def aget(self, schedule_id: str, *, queue: str | None = None) -> ScheduleInfo:
        """See ``get``."""
        info: ScheduleInfo = await self._connections.afollow(self._get(schedule_id, queue))
        return info

    def pause(self, schedule_id: str, *, queue: str | None = None) -> bool:
        """Let no slot fire until ``resume``; also if a schedule in code is deployed again.

        Returns:
            Whether it was active before.
        """
        return bool(self._connections.follow(self._switch(schedule_id, "pause", queue)) == "active")

    async def apause(self, schedule_id: str, *, queue: str | None = None) -> bool:
        """See ``pause``."""
        return bool(await self._connections.afollow(self._switch(schedule_id, "pause", queue)) == "active")

    def resume(self, schedule_id: str, *, queue: str | None = None) -> bool:
        """Let slots fire again, from the next one on.

        Returns:
            Whether it was paused before.
        """
        return bool(self._connections.follow(self._switch(schedule_id, "resume", queue)) == "paused")

    async def aresume(self, schedule_id: str, *, queue: str | None = None) -> bool:
        """See ``resume``."""
        return bool(await self._connections.afollow(self._switch(schedule_id, "resume", queue)) == "paused")

    def remove(self, schedule_id: str, *, queue: str | None = None) -> None:
        """Delete a schedule. Jobs that it has started stay.

        Raises:
            ScheduleConflict: it is in the code of an application, and would come back from there.
        """
        self._connections.follow(self._switch(schedule_id, "remove", queue))

    async def aremove(self, schedule_id: str, *, queue: str | None = None) -> None:
        """See ``remove``."""
        await self._connections.afollow(self._switch(schedule_id, "remove", queue))

    def trigger(self, schedule_id: str, *, queue: str | None = None) -> JobHandle[Any]:
        """Start its job now, whatever its slots, its state and earlier jobs are.

        Raises:
            QueueFull: there is no room for the job.
            ScheduleConflict: it is signed, and there is no key here; or see above.
        """
        handle: JobHandle[Any] = self._connections.follow(self._trigger(schedule_id, queue))
        return handle

    async def atrigger(self, schedule_id: str, *, queue: str | None = None) -> JobHandle[Any]:
        """See ``trigger``."""
        handle: JobHandle[Any] = await self._connections.afollow(self._trigger(schedule_id, queue))
        return handle

    def backfill(
        self, schedule_id: str, start: datetime, end: datetime, *, queue: str | None = None
    ) -> Sequence[JobHandle[Any]]:
        """Start the jobs of slots of the past. Those whose jobs are still kept are left out: nothing is done twice.

        Args:
            schedule_id: the schedule.
            start: the first time of a slot, with a time zone.
            end: the last one; the time of the server if it is later.
            queue: see ``get``.

        Returns:
            Handles of the jobs that were started.

        Raises:
            InvalidOption: there are more than ``BACKFILL_LIMIT`` slots.
            QueueFull: there is no room for all of the jobs.
        """
        handles: Sequence[JobHandle[Any]] = self._connections.follow(self._backfill(schedule_id, start, end, queue))
        return handles

    async def abackfill(
        self, schedule_id: str, start: datetime, end: datetime, *, queue: str | None = None
    ) -> Sequence[JobHandle[Any]]:
        """See ``backfill``."""
        handles: Sequence[JobHandle[Any]] = await self._connections.afollow(
            self._backfill(schedule_id, start, end, queue)
        )
        return handles

    # What is done, once, for ordinary code and for asyncio.

    def _upsert(self, schedule_id: str, job: Draft[Any], when: Cron | Every | Schedule) -> Steps:
        name, seal = check_schedule_id(schedule_id), self._connections.seal
        keys, definition = definition_of(self._application, name, job, as_schedule(when), seal)
        pages = yield from self._pages(schedule_id, first=[enlist(registry(self._prefix), keys.queue)])
        if definition.schedule.slot_after(max(page.now for page in pages)) is None:
            raise InvalidOption(
                f"schedule {schedule_id!r} has no slot any more: its end is over, {definition.schedule.end}"
            )
        elsewhere = [page.schedules[0] for page in pages if page.schedules and page.schedules[0].queue != keys.queue]
        for other in elsewhere:
            # First, so that at no moment both fire.
            [state] = yield [schedules.switch(self._application.keys(other.queue), schedule_id, "remove")]
            if state == "declared":
                _conflict(schedule_id)
        [became] = yield [schedules.put(keys, schedule_id, definition, "user")]
        if became == "declared":
            _conflict(schedule_id)
        if any(other.state == "paused" for other in elsewhere):
            yield [schedules.switch(keys, schedule_id, "pause")]
        [page] = yield [self._read(keys, schedule_id=schedule_id)]
        return page.schedules[0]

    def _pages(self, schedule_id: str, first: Iterable[Call[Any]] = ()) -> Steps:
        [*_, names] = yield [*first, queue_names(registry(self._prefix))]
        pages = yield [self._read(self._application.keys(name), schedule_id=schedule_id) for name in names]
        return pages

    def _read(self, keys: QueueKeys, *, schedule_id: str = "", cursor: str = "0") -> Call[SchedulePage]:
        return schedules.read(keys, schedule_id=schedule_id, cursor=cursor, seal=self._connections.seal)

    def _list(self) -> Steps:
        found: list[ScheduleInfo] = []
        [names] = yield [queue_names(registry(self._prefix))]
        cursors: dict[str, str] = dict.fromkeys(names, "0")
        while cursors:
            pages = yield [self._read(self._application.keys(name), cursor=at) for name, at in cursors.items()]
            cursors = {name: page.cursor for name, page in zip(cursors, pages, strict=True) if page.cursor}
            found += [info for page in pages for info in page.schedules]
        # A scan may show an entry twice.
        unique = {(info.queue, info.id): info for info in found}
        last = datetime.max.replace(tzinfo=UTC)
        return tuple(sorted(unique.values(), key=lambda info: (info.next_at or last, info.id)))

    def _get(self, schedule_id: str, queue: str | None) -> Steps:
        info, _ = yield from self._find(schedule_id, queue)
        return info

    def _find(self, schedule_id: str, queue: str | None) -> Steps:
        """Find a schedule, and the time of its server."""
        pages = yield from self._pages(schedule_id)
        found = [(page.schedules[0], page.now) for page in pages if page.schedules]
        found = [each for each in found if queue in (None, each[0].queue)]
        # What is retired gives way: its task may have another queue by now.
        found = [each for each in found if each[0].state != "retired"] or found
        if not found:
            known = yield from self._list()
            where = "" if queue is None else f" in queue {queue!r}"
            hint = suggestion(schedule_id, [info.id for info in known])
            raise ScheduleNotFound(f"there is no schedule {schedule_id!r}{where}{hint}")
        if len(found) > 1:
            queues = " and ".join(info.queue for info, _ in found)
            raise ScheduleConflict(f"queues {queues} have a schedule {schedule_id!r} each: name the queue")
        return found[0]

    def _switch(self, schedule_id: str, verb: Literal["pause", "resume", "remove"], queue: str | None) -> Steps:
        info = yield from self._get(schedule_id, queue)
        [state] = yield [schedules.switch(self._application.keys(info.queue), schedule_id, verb)]
        if state == "declared":
            _conflict(schedule_id)
        return state

    def _trigger(self, schedule_id: str, queue: str | None) -> Steps:
        info = yield from self._get(schedule_id, queue)
        [handle] = yield from self._extra(info, "triggered", [(f"{schedule_id}:{new_id()}", None)])
        return handle

    def _backfill(self, schedule_id: str, start: datetime, end: datetime, queue: str | None) -> Steps:
        for name, value in (("start", start), ("end", end)):
            if not isinstance(value, datetime) or value.tzinfo is None:
                raise InvalidOption(f"{name}= of backfill must be a datetime with a time zone, not {value!r}")
        info, now = yield from self._find(schedule_id, queue)
        slots = slots_within(info.schedule, start, min(end, now))
        return (yield from self._extra(info, "backfilled", [(slot_id(schedule_id, slot), slot) for slot in slots]))

    def _extra(
        self,
        info: ScheduleInfo,
        kind: Literal["triggered", "backfilled"],
        wanted: Sequence[tuple[str, datetime | None]],
    ) -> Steps:
        keys, template = self._application.keys(info.queue), info.understood.template
        if info.understood.sealed and self._connections.seal is None:
            raise ScheduleConflict(
                f"schedule {info.id!r} is signed, and workers that verify would park a job of it that is not: to start"
                " one by hand takes the keys, as in JOBQUEUE_SIGNING_KEYS"
            )
        handles: list[JobHandle[Any]] = []
        for start in range(0, len(wanted), _PART):
            part = wanted[start : start + _PART]
            seal = self._connections.seal
            replies = yield [
                schedules.fire_extra(keys, info.id, template, kind, job_id, slot, seal) for job_id, slot in part
            ]
            for reply in replies:
                if reply.kind == "missing":
                    raise ScheduleNotFound(f"schedule {info.id!r} was removed a moment ago")
                if reply.kind == "full":
                    raise QueueFull(keys.queue, len(wanted) - len(handles), len(handles))
                if reply.kind != "existed":
                    handles.append(
                        JobHandle(reply.job, keys, self._connections, any_result, duplicate=reply.kind == "duplicate")
                    )
        return handles


def slots_within(schedule: Schedule, start: datetime, end: datetime) -> list[datetime]:
    """Return the slots from one time to another.

    Raises:
        InvalidOption: there are too many.
    """
    found = schedule.slots_after(start - timedelta(milliseconds=1), 1)
    while found and found[-1] <= end:
        if len(found) > BACKFILL_LIMIT:
            raise InvalidOption(
                f"from {start} to {end} there are more than {BACKFILL_LIMIT:,} slots: fill them in several parts"
            )
        following = schedule.slot_after(found[-1])
        if following is None:
            return found
        found.append(following)
    return found[:-1]


def definition_of(
    application: Application, schedule_id: str, job: Draft[Any], schedule: Schedule, seal: Seal | None
) -> tuple[QueueKeys, Definition]:
    """Return what is stored of a schedule, and in which queue.

    Raises:
        InvalidOption: the job cannot be that of a schedule.
    """
    steering = job.steering
    refused = {
        "a durability of its own: the server adds it, while nobody waits": "durability" in schedule.options,
        "an id: each slot has one of its own": job.id is not None,
        "a time: the schedule has it; jitter= delays the job of a slot": job.due is not None,
        "dependencies: they would have ended at the second slot": steering is not None and bool(steering.after),
        "a deduplication beside a rule for overlap: choose one of them": steering is not None
        and steering.dedup is not None
        and schedule.overlap != "allow",
        "an expiry within the jitter: it would be over before the job is due": steering is not None
        and isinstance(steering.expires, float)
        and steering.expires <= seconds(schedule.jitter, "jitter"),
        "a task that gathers (aggregate)": steering is not None and steering.gathering is not None,
    }
    for what, found in refused.items():
        if found:
            raise InvalidOption(f"schedule {schedule_id!r}: its job cannot have {what}")
    keys, specification = application.template(job)
    template = Template(specification, steering.to_wire() if steering else "")
    return keys, Definition(template, Schedule.from_wire(schedule.to_wire())).closed(keys, schedule_id, seal)


def _conflict(schedule_id: str) -> NoReturn:
    raise ScheduleConflict(
        f"schedule {schedule_id!r} is declared in the code of an application: change it there. It can be paused, and"
        " triggered, from anywhere"
    )
