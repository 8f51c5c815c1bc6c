"""When a recurring job runs: values, and the one decision that schedulers make of them."""

from collections import deque
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple, get_args
from zlib import crc32

from jobqueue.cron import Cron
from jobqueue.durations import format_duration, seconds
from jobqueue.errors import InvalidOption
from jobqueue.names import check_name

Missed = Literal["skip", "last"] | int
"""What becomes of slots that nobody was there for: none of them fires, the last one, or the last so many."""

Overlap = Literal["allow", "skip", "queue_one", "cancel_running"]
"""What becomes of a slot while jobs of earlier ones have not ended."""

GRACE = 60.0
"""Seconds that a slot may be late and still be no missed one."""

MOST_MISSED = 1000
"""How many missed slots can be made up for."""

LONGEST_ID = 100
"""Characters of the id of a schedule: those of a slot follow, in the id of its job."""

_FIRST_LOOK_BACK = timedelta(minutes=1)
_MILLISECOND = timedelta(milliseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, init=False)
class Every:
    """Times at a fixed distance, whatever the clocks on the wall do.

    They are aligned to the start of the schedule if it has one, else to 1970 in UTC: ``Every(hours=1)`` means each full
    hour. The arguments are added up.

    Args:
        seconds: from 0.1 seconds in all.
        minutes: 60 seconds each.
        hours: 60 minutes each.
        days: 24 hours each.

    Raises:
        InvalidOption: the distance is too short, or too long.
    """

    milliseconds: int

    def __init__(self, *, seconds: float = 0, minutes: float = 0, hours: float = 0, days: float = 0) -> None:
        parts = {"seconds": seconds, "minutes": minutes, "hours": hours, "days": days}
        for name, value in parts.items():
            if not isinstance(value, int | float) or isinstance(value, bool):
                raise InvalidOption(f"{name}= of Every must be a number, not {value!r}")
        total = seconds + 60 * minutes + 3600 * hours + 86_400 * days
        if not 0.1 <= total <= 315_360_000:
            raise InvalidOption(f"Every(...) must be between 0.1 seconds and 10 years, not {total:g} seconds")
        object.__setattr__(self, "milliseconds", round(total * 1000))

    def __str__(self) -> str:
        return f"every {format_duration(self.milliseconds / 1000)}"

    def next_after(self, moment: datetime, anchor: datetime = _EPOCH) -> datetime:
        """Return the first time after a moment."""
        interval = timedelta(milliseconds=self.milliseconds)
        return anchor + ((moment - anchor) // interval + 1) * interval


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a recurring job runs, and what becomes of slots that cannot run as they should.

    Attributes:
        trigger: ``Cron(...)`` or ``Every(...)``.
        id: the id of the schedule; the name of the task if it is left out. Only where a task declares it.
        args: the arguments of its jobs by name. Only where a task declares it.
        options: the options of its jobs, as ``task.using`` takes them. Only where a task declares it.
        start: the time before which no slot lies.
        end: the time after which no slot lies.
        limit: how many slots fire in all.
        jitter: seconds (or a ``timedelta``) by which the jobs of slots are delayed at most, each by another amount.
        missed: what becomes of slots for which no worker was there: ``"last"`` lets the last of them fire, late;
            ``"skip"`` none that is more than a minute late; a number the last so many.
        overlap: what becomes of a slot while jobs of earlier ones have not ended: ``"allow"`` lets it fire all the
            same, ``"skip"`` drops it, ``"queue_one"`` lets one wait until they have ended, ``"cancel_running"`` calls
            them off and waits for that.
    """

    trigger: Cron | Every
    _: KW_ONLY
    id: str | None = None
    args: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    start: datetime | None = None
    end: datetime | None = None
    limit: int | None = None
    jitter: float | timedelta = 0.0
    missed: Missed = "last"
    overlap: Overlap = "allow"

    def __post_init__(self) -> None:
        if not isinstance(self.trigger, Cron | Every):
            raise InvalidOption(f"a schedule is Cron(...) or Every(...), not {self.trigger!r}")
        if self.id is not None:
            check_schedule_id(self.id)
        for name in ("args", "options"):
            if not isinstance(getattr(self, name), Mapping):
                raise InvalidOption(f"{name}= of a schedule must be a mapping, not {getattr(self, name)!r}")
        for name in ("start", "end"):
            object.__setattr__(self, name, _checked_moment(getattr(self, name), name))
        if self.start is not None and self.end is not None and self.end < self.start:
            raise InvalidOption(f"the end of a schedule ({self.end}) is before its start ({self.start})")
        if self.limit is not None and not (_is_whole(self.limit) and self.limit >= 1):
            raise InvalidOption(f"limit= of a schedule must be a whole number from 1, not {self.limit!r}")
        object.__setattr__(self, "jitter", seconds(self.jitter, "jitter= of a schedule"))
        if self.missed not in ("skip", "last", *range(1, MOST_MISSED + 1)) or isinstance(self.missed, bool):
            raise InvalidOption(
                f"missed must be 'skip', 'last' or a number from 1 to {MOST_MISSED}, not {self.missed!r}"
            )
        if self.overlap not in get_args(Overlap):
            raise InvalidOption(f"overlap must be one of {', '.join(get_args(Overlap))}, not {self.overlap!r}")

    def to_wire(self) -> dict[str, Any]:
        """Return the JSON members that are stored of it: of a task's declaration, all but the job."""
        trigger = self.trigger
        times = (
            {"cron": trigger.expression, "tz": trigger.tz}
            if isinstance(trigger, Cron)
            else {"every": trigger.milliseconds}
        )
        found = {
            **times,
            "start": None if self.start is None else milliseconds(self.start),
            "end": None if self.end is None else milliseconds(self.end),
            "limit": self.limit,
            "jitter": self.jitter or None,
            "missed": self.missed,
            "overlap": self.overlap,
        }
        return {name: value for name, value in found.items() if value is not None}

    @classmethod
    def from_wire(cls, members: Mapping[str, Any]) -> "Schedule":
        """Read what ``to_wire`` returns.

        Raises:
            InvalidOption: it cannot be understood.
        """
        if "cron" in members:
            trigger: Cron | Every = Cron(members["cron"], members.get("tz", "UTC"))
        else:
            trigger = Every(seconds=members["every"] / 1000)
        return cls(
            trigger,
            start=_moment(members.get("start")),
            end=_moment(members.get("end")),
            limit=members.get("limit"),
            jitter=members.get("jitter", 0.0),
            missed=members.get("missed", "last"),
            overlap=members.get("overlap", "allow"),
        )

    def slots_after(self, moment: datetime, count: int) -> list[datetime]:
        """Return the next slots after a moment, in order: fewer if there are no more."""
        found: list[datetime] = []
        while len(found) < count and (slot := self.slot_after(found[-1] if found else moment)) is not None:
            found.append(slot)
        return found

    def slot_after(self, moment: datetime) -> datetime | None:
        """Return the first slot after a moment; None if there is none any more."""
        if self.start is not None:
            moment = max(moment, self.start - _MILLISECOND)
        if isinstance(self.trigger, Cron):
            slot = self.trigger.next_after(moment)
        else:
            slot = self.trigger.next_after(moment, self.start or _EPOCH)
        return None if slot is None or (self.end is not None and slot > self.end) else slot

    def slots_between(self, after: datetime, until: datetime, most: int) -> list[datetime]:
        """Return the last slots after a moment, up to another, in order."""
        look_back = _FIRST_LOOK_BACK
        while True:
            # From near the end: between a long downtime's two ends may lie millions.
            start = max(after, until - look_back)
            found = deque[datetime](maxlen=most)
            slot = self.slot_after(start)
            while slot is not None and slot <= until:
                found.append(slot)
                slot = self.slot_after(slot)
            if len(found) == most or start == after:
                return list(found)
            look_back *= 2

    def delay_of(self, schedule_id: str, slot: datetime) -> timedelta:
        """Return by how much the job of a slot is delayed: the same whoever asks, and another for each slot."""
        drawn = crc32(f"{schedule_id}:{milliseconds(slot)}".encode()) / 2**32
        return timedelta(milliseconds=round(seconds(self.jitter, "jitter") * 1000 * drawn))


class Plan(NamedTuple):
    """What is to be done for a schedule now.

    Attributes:
        slots: the slots that fire, in order.
        missed: the first slot before them that does not; None if there is none.
        next: the slot that is waited for after them; None if the schedule has ended.
    """

    slots: list[datetime]
    missed: datetime | None
    next: datetime | None


def plan(schedule: Schedule, since: datetime, fired: int, now: datetime) -> Plan:
    """Decide which slots fire.

    Args:
        schedule: the schedule.
        since: the slot up to which all has been done; or since when the schedule is there.
        fired: how many slots have fired.
        now: the server's time.
    """
    left = None if schedule.limit is None else schedule.limit - fired
    if left is not None and left <= 0:
        return Plan([], None, None)
    most = schedule.missed if isinstance(schedule.missed, int) else 1
    due = schedule.slots_between(since, now, most)
    first = schedule.slot_after(since)
    if schedule.missed == "skip":
        due = [slot for slot in due if (now - slot).total_seconds() <= GRACE]
    if first is not None and (first > now or (due and first >= due[0])):
        first = None
    return Plan(due if left is None else due[:left], first, schedule.slot_after(now))


def slot_id(schedule_id: str, slot: datetime) -> str:
    """Return the id of the job of a slot: ``report:20261121T090000Z``."""
    fraction = f".{slot.microsecond // 1000:03}" if slot.microsecond else ""
    return f"{schedule_id}:{slot.astimezone(UTC):%Y%m%dT%H%M%S}{fraction}Z"


def check_schedule_id(value: str) -> str:
    """Return the id of a schedule, if it may be used.

    Raises:
        InvalidName: it is too long, or has characters that are not allowed.
        InvalidOption: it is too long.
    """
    check_name(value, "schedule")
    if len(value) > LONGEST_ID:
        raise InvalidOption(f"schedule {value!r}: an id has at most {LONGEST_ID} characters, not {len(value)}")
    return value


def as_schedule(value: Any) -> Schedule:
    """Return a schedule; a trigger alone is one.

    Raises:
        InvalidOption: it is something else.
    """
    if isinstance(value, Schedule):
        return value
    if isinstance(value, Cron | Every):
        return Schedule(value)
    raise InvalidOption(f"a schedule must be Cron(...), Every(...) or Schedule(...), not {value!r}")


def milliseconds(moment: datetime) -> int:
    """Return a time as the store keeps it: milliseconds since 1970."""
    return (moment - _EPOCH) // _MILLISECOND


def _moment(value: int | None) -> datetime | None:
    return None if value is None else _EPOCH + value * _MILLISECOND


def _checked_moment(value: Any, what: str) -> datetime | None:
    if value is None:
        return None
    if not isinstance(value, datetime):
        raise InvalidOption(f"{what}= of a schedule must be a datetime, not {value!r}")
    if value.tzinfo is None:
        raise InvalidOption(f"{what}={value!r} has no time zone: use datetime.now(UTC), or zoneinfo.ZoneInfo")
    # The store keeps milliseconds.
    moment = value.astimezone(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
