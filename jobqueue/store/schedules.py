"""Schedules, as the store keeps them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import blake2b
from typing import Any, Literal, NamedTuple

from pydantic_core import to_json

from jobqueue.errors import InvalidSchedule
from jobqueue.job import Specification, moment, of_slot
from jobqueue.schedule import Schedule, milliseconds, slot_id
from jobqueue.seal import NO_KEY, Seal, binding_of, is_encrypted
from jobqueue.signing import Binding, signature_within
from jobqueue.store.call import Call, run_script
from jobqueue.store.keys import QueueKeys
from jobqueue.store.script import script
from jobqueue.stored import READ_LIMIT, read_json

ScheduleState = Literal["active", "paused", "ended", "retired"]
"""How a schedule stands: it has ended after its end or limit, and is retired when no code declares it any more."""

LATE = "changed", "retired"
"""What ``fire`` replies if there is nothing to be done any more."""

BATCH = 20
"""How many due schedules are read at once."""

PAGE = 100
"""How many schedules are read at once when they are listed."""

_TIMES = ("cron", "tz", "every", "start", "end")


class Template(NamedTuple):
    """What a slot starts.

    Attributes:
        specification: the text of ``specification_text``.
        steering: the words of ``Steering.to_wire``.
    """

    specification: bytes
    steering: str


@dataclass(frozen=True, slots=True)
class Definition:
    """A schedule, and what it starts.

    Attributes:
        template: what it starts.
        schedule: when.
        sealed: the text that is stored, if it is signed or encrypted; empty for plain text.
    """

    template: Template
    schedule: Schedule
    sealed: bytes = b""

    def to_wire(self) -> bytes:
        """Return the text that is stored."""
        if self.sealed:
            return self.sealed
        members = {"specification": self.template.specification.decode(), "steering": self.template.steering}
        return to_json({**self.schedule.to_wire(), **members})

    def closed(self, keys: QueueKeys, schedule_id: str, seal: Seal | None) -> "Definition":
        """Return it sealed: the times and the rest are signed, and what it starts is encrypted."""
        if seal is None:
            return self
        binding = Binding("schedule", keys.place, schedule_id)
        template = self.template._replace(specification=seal.hide(binding, self.template.specification))
        return replace(self, sealed=seal.sign(binding, replace(self, template=template).to_wire()))

    @property
    def revision(self) -> str:
        """A short text that changes with it."""
        return _revision(self.to_wire())

    @classmethod
    def from_wire(cls, text: bytes) -> "Definition":
        """Read the stored text.

        Raises:
            ValueError: it cannot be understood: a newer version may have written it.
        """
        try:
            members = read_json(text, "it", READ_LIMIT)
            template = Template(members["specification"].encode(), members["steering"])
            return cls(template, Schedule.from_wire(members))
        except (KeyError, TypeError, AttributeError, OverflowError) as error:
            raise ValueError(f"the text of a schedule cannot be understood: {error!r}") from error

    @classmethod
    def opened(cls, keys: QueueKeys, schedule_id: str, text: bytes, seal: Seal | None) -> "Definition":
        """Read the stored text, which may be sealed.

        Raises:
            ValueError: it cannot be understood; it is not what somebody with a key has put; or it cannot be decrypted.
        """
        if seal is None:
            found = cls.from_wire(text)
            if is_encrypted(found.template.specification):
                raise ValueError(NO_KEY)
            return replace(found, sealed=text) if signature_within(text) else found
        binding = Binding("schedule", keys.place, schedule_id)
        found = cls.from_wire(seal.verified(binding, text))
        template = found.template._replace(specification=seal.uncover(binding, found.template.specification))
        return replace(found, template=template)


class Head(NamedTuple):
    """How a schedule stands.

    Attributes:
        text: as it is stored: whoever changes it must have seen the latest.
        state: how it stands.
        source: ``"code"`` or ``"user"``.
        fired: how many slots have fired.
        since: the slot up to which all is done; or since when it is there.
    """

    text: bytes
    state: ScheduleState
    source: Literal["code", "user"]
    fired: int
    since: datetime

    @classmethod
    def parse(cls, text: bytes) -> "Head":
        """Read the stored text."""
        state, source, _, _, fired, since = text.decode().split()
        return cls(text, state, source, int(fired), moment(int(since)))  # type: ignore[arg-type]  # by the scripts


class Due(NamedTuple):
    """A schedule that has a slot now, or is new.

    Attributes:
        id: its id.
        definition: the stored text of its definition.
        head: how it stands.
    """

    id: str
    definition: bytes
    head: Head


class DueSchedules(NamedTuple):
    """The reply to ``due``.

    Attributes:
        now: the server's time.
        next: seconds until the next slot of the others; None if there is none.
        total: how many schedules there are.
        due: those that have a slot now.
    """

    now: datetime
    next: float | None
    total: int
    due: tuple[Due, ...]


@dataclass(frozen=True, slots=True)
class Slot:
    """What became of a slot.

    Attributes:
        kind: ``"fired"``; ``"existed"`` if its job was there already, by a backfill; ``"duplicate"`` if another job
            stood for its job; ``"skipped"`` if earlier jobs had not ended; ``"missed"`` for one or more that nobody was
            there for; ``"triggered"`` and ``"backfilled"`` by hand.
        at: the time of the slot.
        handled_at: when it was dealt with.
        job: the job that it started, that stands for it, or is in its way; empty if it was missed.
    """

    kind: str
    at: datetime
    handled_at: datetime
    job: str


@dataclass(frozen=True, slots=True)
class ScheduleInfo:
    """A schedule, and how it stands.

    Attributes:
        id: its id.
        queue: the queue of its jobs.
        state: how it stands.
        source: whether it is declared in ``"code"``, or was put by a ``"user"``.
        task: the name of the task that it starts.
        args: the arguments as JSON values.
        next_at: the next slot; None if there is none, or it is paused. One of the past if no worker was there for it.
        fired: how many slots have fired.
        slots: what became of the latest slots, the oldest first.
        definition: what a slot starts, and when; None if it cannot be understood here.
        problem: why it cannot be understood here: a newer version may have put it, or a time zone is missing.
    """

    id: str
    queue: str
    state: ScheduleState
    source: Literal["code", "user"]
    task: str
    args: Mapping[str, Any]
    next_at: datetime | None
    fired: int
    slots: tuple[Slot, ...]
    definition: Definition | None
    problem: str = ""

    @property
    def schedule(self) -> Schedule:
        """When it fires.

        Raises:
            InvalidSchedule: it cannot be understood here; ``problem`` says why.
        """
        return self.understood.schedule

    @property
    def understood(self) -> Definition:
        """What a slot starts, and when.

        Raises:
            InvalidSchedule: it cannot be understood here; ``problem`` says why.
        """
        if self.definition is None:
            raise InvalidSchedule(
                f"schedule {self.id!r} cannot be understood here: {self.problem}. It can be paused and removed"
            )
        return self.definition


class SchedulePage(NamedTuple):
    """Some of the schedules of a queue.

    Attributes:
        now: the server's time.
        cursor: where the next page begins; None if this is the last.
        schedules: the schedules.
    """

    now: datetime
    cursor: str | None
    schedules: tuple[ScheduleInfo, ...]


class Declared(NamedTuple):
    """The reply to ``declare``.

    Attributes:
        cursor: for the next call; ``"0"`` when all schedules have been looked at.
        retired: those that have been retired.
        stale: those of the worker that are to be put again.
    """

    cursor: str
    retired: tuple[str, ...]
    stale: tuple[str, ...]


class Fired(NamedTuple):
    """The reply to ``fire`` and ``fire_extra``.

    Attributes:
        kind: what became of the slot, see ``Slot``; ``"none"`` if none was to fire, ``"changed"`` if somebody else was
            first, ``"retired"``, ``"missing"``, or ``"full"``.
        job: the job that it started, or that stands for it.
        head: how the schedule stands then, as it is stored.
    """

    kind: str
    job: str
    head: bytes


def put(keys: QueueKeys, schedule_id: str, definition: Definition, source: Literal["code", "user"]) -> Call[str]:
    """Keep a schedule; the reply is ``new``, ``changed``, ``same``, or ``declared``: code does, you do not."""
    text, times = definition.to_wire(), definition.schedule.to_wire()
    times_text = to_json({name: times.get(name) for name in _TIMES})
    args = (schedule_id, text, _revision(text), _revision(times_text), source)
    return run_script(script("put_schedule"), keys, args, bytes.decode)


def switch(keys: QueueKeys, schedule_id: str, verb: Literal["pause", "resume", "remove"]) -> Call[str]:
    """Pause, resume or remove a schedule; the reply is its state before, ``missing`` or ``declared``."""
    return run_script(script("switch_schedule"), keys, (schedule_id, verb), bytes.decode)


def declare(keys: QueueKeys, worker: str, cursor: str, definitions: Mapping[str, Definition]) -> Call[Declared]:
    """Say which schedules the code of a worker declares.

    Args:
        keys: the queue.
        worker: the id of the worker.
        cursor: ``"0"``, then that of the last reply until it is ``"0"``.
        definitions: the schedules, by their ids.
    """
    rest = [word for name, definition in definitions.items() for word in (name, definition.revision)]
    return run_script(script("declare_schedules"), keys, (worker, cursor), _declared, rest=rest)


def retire(keys: QueueKeys, names: Iterable[str]) -> Call[tuple[str, ...]]:
    """Retire schedules of code that are in another queue now; the reply is which have been: those of no live worker."""
    return run_script(script("retire_schedules"), keys, (), _names, rest=names)


def due(keys: QueueKeys, offset: int = 0) -> Call[DueSchedules]:
    """Read some of the schedules that have a slot now, or are new.

    Args:
        keys: the queue.
        offset: how many of those that come first are left out.
    """
    return run_script(script("due_schedules"), keys, (offset, BATCH), _due)


def read(keys: QueueKeys, *, schedule_id: str = "", cursor: str = "0", seal: Seal | None = None) -> Call[SchedulePage]:
    """Read some of the schedules of a queue, or one.

    Args:
        keys: the queue.
        schedule_id: the one; empty for all of them.
        cursor: ``"0"``, or the cursor of the page before.
        seal: opens what is sealed; None if there is no key.
    """
    args = (schedule_id, cursor, PAGE)
    return run_script(script("list_schedules"), keys, args, lambda reply: _page(keys, seal, reply))


def fire(
    keys: QueueKeys,
    worker: str,
    due: Due,
    definition: Definition,
    *,
    slot: datetime | None,
    since: datetime,
    next: datetime | None,
    missed: datetime | None,
    seal: Seal | None = None,
) -> Call[Fired]:
    """Start the job of a slot, and say which is next, if nobody else has done so.

    Args:
        keys: the queue.
        worker: the id of the worker.
        due: the schedule, as it was read.
        definition: the same, understood.
        slot: the slot; None if none fires.
        since: the time up to which all is done then.
        next: the slot to wait for; None if the schedule has ended.
        missed: the first slot that was missed and is not made up for.
        seal: seals the job; None for plain text.
    """
    schedule = definition.schedule
    job: Sequence[str | bytes] = ("", "", "", "")
    if slot is not None:
        delay = schedule.delay_of(due.id, slot)
        job_id = slot_id(due.id, slot)
        specification = _job_text(keys, seal, job_id, definition.template, due.id, slot)
        moment_due = str(milliseconds(slot + delay)) if delay else ""
        job = (job_id, specification, moment_due, definition.template.steering)
    args = (
        worker,
        due.id,
        due.head.text,
        _text(since),
        _text(next),
        schedule.limit or 0,
        _text(missed),
        _text(slot),
        schedule.overlap,
        *job,
    )
    return run_script(script("fire"), keys, args, _fired)


def fire_extra(
    keys: QueueKeys,
    schedule_id: str,
    template: Template,
    kind: Literal["triggered", "backfilled"],
    job_id: str,
    slot: datetime | None,
    seal: Seal | None = None,
) -> Call[Fired]:
    """Start a job of a schedule beside its slots.

    Args:
        keys: the queue.
        schedule_id: the schedule.
        template: what it starts.
        kind: now, or for a slot of the past.
        job_id: the id of the job.
        slot: that slot.
        seal: seals the job; None for plain text.
    """
    specification = _job_text(keys, seal, job_id, template, schedule_id, slot)
    args = (schedule_id, kind, _text(slot), "allow", job_id, specification, "", template.steering)
    return run_script(script("fire_extra"), keys, args, _fired)


def _job_text(
    keys: QueueKeys, seal: Seal | None, job_id: str, template: Template, schedule_id: str, slot: datetime | None
) -> bytes:
    text = of_slot(template.specification, schedule_id, None if slot is None else milliseconds(slot))
    return text if seal is None else seal.close(binding_of(keys.place, job_id, template.steering), text)


def _revision(text: bytes) -> str:
    return blake2b(text, digest_size=8).hexdigest()


def _text(value: datetime | None) -> str:
    return "" if value is None else str(milliseconds(value))


def _names(reply: Any) -> tuple[str, ...]:
    return tuple(name.decode("utf-8", "surrogateescape") for name in reply)


def _declared(reply: Any) -> Declared:
    cursor, retired, stale = reply
    return Declared(cursor.decode(), _names(retired), _names(stale))


def _due(reply: Any) -> DueSchedules:
    now, wait, count, *entries = reply
    found = tuple(_due_one(*entry) for entry in zip(*[iter(entries)] * 3, strict=True))
    return DueSchedules(moment(int(now)), None if wait < 0 else wait / 1000, count, found)


def _due_one(name: bytes, text: bytes, head: bytes) -> Due:
    try:
        return Due(name.decode(), text, Head.parse(head))
    except (ValueError, OverflowError):
        # Others are due too. It is as one that is paused.
        return Due(name.decode(errors="replace"), text, Head(head, "paused", "user", 0, moment(0)))


def _fired(reply: Any) -> Fired:
    kind, *rest = (part.decode() if isinstance(part, bytes) else str(part) for part in reply)
    job, head = [*rest, "", ""][:2]
    return Fired(kind, job, head.encode())


def _page(keys: QueueKeys, seal: Seal | None, reply: Any) -> SchedulePage:
    now, cursor, *entries = reply
    found = tuple(_info(keys, seal, *entry) for entry in zip(*[iter(entries)] * 4, strict=True))
    return SchedulePage(moment(int(now)), None if cursor == b"0" else cursor.decode(), found)


def _info(keys: QueueKeys, seal: Seal | None, name: bytes, text: bytes, head_text: bytes, slots: bytes) -> ScheduleInfo:
    head = Head.parse(head_text)
    definition, task, args, problem = None, "", {}, ""
    try:
        definition = Definition.opened(keys, name.decode(), text, seal)
        job = Specification.parse(definition.template.specification)
    except ValueError as error:
        # It is shown all the same, and can be paused and removed.
        definition, problem = None, str(error)
    else:
        task, args = job.task, dict(job.args)
    schedule = None if definition is None else definition.schedule
    active = head.state == "active" and schedule is not None
    return ScheduleInfo(
        id=name.decode(),
        queue=keys.queue,
        state=head.state,
        source=head.source,
        task=task,
        args=args,
        next_at=schedule.slot_after(head.since) if active and schedule is not None else None,
        fired=head.fired,
        slots=tuple(_slot(line) for line in slots.decode().splitlines()),
        definition=definition,
        problem=problem,
    )


def _slot(line: str) -> Slot:
    kind, at, handled, job = line.split()
    return Slot(kind, moment(int(at)), moment(int(handled)), "" if job == "-" else job)
