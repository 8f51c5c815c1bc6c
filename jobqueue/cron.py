"""Cron expressions: what people write, and the times it means in a time zone.

The rules for wall-clock times that a change of the clocks skips or repeats are those of Vixie cron, written down in
``docs/schedules.md``.
"""

import calendar
import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from jobqueue.errors import InvalidOption, InvalidSchedule, suggestion

MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]

NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * sun",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}

LONGEST_SKIP = timedelta(hours=3)
"""What the clocks skip is made up for if it is shorter: a zone that skips more has left out a day of its calendar."""

HORIZON = 100
"""Years within which an expression must mean some time."""

LONGEST_EXPRESSION = 256

_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)
_WORD = re.compile(r"\S+")
_PART = re.compile(
    r"(?P<first>\*|\?|[A-Za-z]+|\d+)(?:-(?P<last>[A-Za-z]+|\d+))?(?P<suffix>#\d+|[LlWw])?(?:/(?P<step>\d+))?"
)


class _Field(NamedTuple):
    """What a field of an expression may have."""

    name: str
    least: int
    most: int
    names: tuple[str, ...] = ()

    @property
    def article(self) -> str:
        """What stands before its name."""
        return "an" if self.name == "hour" else "a"


_SECONDS = _Field("second", 0, 59)
_MINUTES = _Field("minute", 0, 59)
_HOURS = _Field("hour", 0, 23)
_DAYS = _Field("day of the month", 1, 31)
_MONTHS = _Field("month", 1, 12, ("", *MONTHS))
# 7 is a Sunday as well as 0.
_WEEKDAYS = _Field("day of the week", 0, 7, tuple(WEEKDAYS))


@dataclass(frozen=True, slots=True)
class _Days:
    """Which days of a month are meant.

    Attributes:
        days: of the month; from the end, -1 is the last.
        weekdays: 0 is Sunday.
        nth: weekdays with which one of the month, -1 for the last.
        either: whether one of the two is enough, as in every cron, unless one of them begins with a star.
    """

    days: frozenset[int]
    weekdays: frozenset[int]
    nth: frozenset[tuple[int, int]]
    either: bool

    @lru_cache(maxsize=4096)  # noqa: B019  # frozen and few
    def of(self, year: int, month: int) -> tuple[int, ...]:
        """Return the days of a month that are meant, in order."""
        first, length = calendar.monthrange(year, month)
        found = []
        for day in range(1, length + 1):
            weekday = (first + day) % 7  # monthrange counts from Monday
            by_day = day in self.days or day - length - 1 in self.days
            in_month = (weekday, (day + 6) // 7) in self.nth or ((weekday, -1) in self.nth and day + 7 > length)
            by_weekday = weekday in self.weekdays or in_month
            if by_day or by_weekday if self.either else by_day and by_weekday:
                found.append(day)
        return tuple(found)


@dataclass(frozen=True, slots=True)
class _Fields:
    """A parsed expression.

    Attributes:
        seconds: which seconds of a minute.
        minutes: which minutes of an hour.
        hours: which hours of a day.
        days: which days of a month.
        months: which months.
        wild: whether it means times that come again and again, such as each half hour, rather than times of a day.
    """

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: _Days
    months: tuple[int, ...]
    wild: bool

    def next_wall(self, moment: datetime) -> datetime | None:
        """Return the first time on the wall that is meant, at a moment or after it; None within ``HORIZON`` years."""
        start = moment.time()
        for day in self._dates(moment.date()):
            found = self._next_time(start if day == moment.date() else time.min)
            if found is not None:
                return datetime.combine(day, found)
        return None

    def _dates(self, start: date) -> Iterator[date]:
        for year in range(start.year, min(start.year + HORIZON, 9999)):
            for month in self.months:
                if (year, month) >= (start.year, start.month):
                    for day in self.days.of(year, month):
                        if (found := date(year, month, day)) >= start:
                            yield found

    def _next_time(self, start: time) -> time | None:
        hours, minutes, seconds = self.hours, self.minutes, self.seconds
        for hour in hours[bisect_left(hours, start.hour) :]:
            if hour > start.hour:
                return time(hour, minutes[0], seconds[0])
            for minute in minutes[bisect_left(minutes, start.minute) :]:
                if minute > start.minute:
                    return time(hour, minute, seconds[0])
                at = bisect_left(seconds, start.second)
                if at < len(seconds):
                    return time(hour, minute, seconds[at])
        return None


@dataclass(frozen=True, slots=True)
class Cron:
    """Times by a cron expression.

    Args:
        expression: five fields: minute, hour, day of the month, month, day of the week; or six, with seconds first; or
            ``@hourly``, ``@daily``, ``@weekly``, ``@monthly``, ``@yearly``. A field has numbers or names, ranges,
            lists and steps: ``*/5``, ``9-17``, ``mon-fri``, ``1,15``; ``L`` is the last day of the month, ``friL`` its
            last Friday, ``mon#2`` its second Monday. If both days are restricted, one of them is enough.
        tz: the name of the time zone in which it is meant, such as ``Europe/Paris``.

    Raises:
        InvalidSchedule: the expression is wrong, with the position of the mistake; or means no time at all.
        InvalidOption: there is no such time zone.
    """

    expression: str
    tz: str = "UTC"
    _fields: _Fields = field(init=False, repr=False, compare=False)
    _zone: tzinfo = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_fields", parse(self.expression))
        object.__setattr__(self, "_zone", zone(self.tz))

    def __str__(self) -> str:
        return self.expression if self.tz == "UTC" else f"{self.expression} ({self.tz})"

    @property
    def zone(self) -> tzinfo:
        """The time zone."""
        return self._zone

    def next_after(self, moment: datetime) -> datetime | None:
        """Return the first time after a moment, in UTC; None if there is none.

        Args:
            moment: a time with a time zone.
        """
        fields, instant = self._fields, moment.astimezone(UTC).replace(microsecond=0) + _SECOND
        while True:
            # As long as the clocks are not changed, the time on the wall goes on as time does.
            offset = self._offset(instant)
            wall = fields.next_wall((instant + offset).replace(tzinfo=None))
            if wall is None:
                return None
            found = wall.replace(tzinfo=UTC) - offset
            change = self._change(instant, found)
            if change is None:
                if fields.wild or not found.astimezone(self._zone).fold:
                    return found
                instant = found + _SECOND  # the clock has shown it before
                continue
            skipped = self._offset(change) - offset
            if timedelta(0) < skipped < LONGEST_SKIP and not fields.wild and found < change + skipped:
                return change
            instant = change

    def _offset(self, instant: datetime) -> timedelta:
        return instant.astimezone(self._zone).utcoffset() or timedelta(0)

    def _change(self, start: datetime, end: datetime) -> datetime | None:
        """Return the first instant after ``start``, up to ``end``, at which the clocks are changed."""
        offset, before = self._offset(start), start
        while before < end:
            after = min(before + _DAY, end)
            if self._offset(after) != offset:
                while after - before > _SECOND:
                    middle = before + (after - before) // 2
                    middle = middle.replace(microsecond=0)
                    if self._offset(middle) == offset:
                        before = middle
                    else:
                        after = middle
                return after
            before = after
        return None


def parse(expression: str) -> _Fields:
    """Read an expression.

    Raises:
        InvalidSchedule: it is wrong, or means no time at all.
    """
    if not isinstance(expression, str):
        raise InvalidSchedule(f"a cron expression is a text, not {expression!r}")
    if len(expression) > LONGEST_EXPRESSION:
        raise InvalidSchedule(f"a cron expression has at most {LONGEST_EXPRESSION} characters, not {len(expression)}")
    text = expression
    if expression.strip().startswith("@"):
        name = expression.strip().lower()
        if name not in NICKNAMES:
            raise _mistake(expression, expression.index("@"), f"there is no {name!r}{suggestion(name, NICKNAMES)}")
        text = NICKNAMES[name]
    words = [(match.start(), match.group()) for match in _WORD.finditer(text)]
    if len(words) not in (5, 6):
        raise InvalidSchedule(
            f"cron expression {expression!r} has {len(words)} field{'' if len(words) == 1 else 's'}: write five"
            " (minute, hour, day of the month, month, day of the week), or six with seconds first"
        )
    clock = [_SECONDS, _MINUTES, _HOURS][6 - len(words) :]
    times = [_values(text, *word, kind) for word, kind in zip(words, clock, strict=False)]
    seconds, minutes, hours = times if len(words) == 6 else [(0,), *times]
    months = _values(text, *words[-2], _MONTHS)
    fields = _Fields(
        seconds=seconds,
        minutes=minutes,
        hours=hours,
        days=_days(text, words[-3], words[-1]),
        months=months,
        wild=any(word[0] == "*" for _, word in words[:-3]),
    )
    if fields.next_wall(datetime(2000, 1, 1)) is None:  # noqa: DTZ001  # on the wall of nowhere
        raise _mistake(expression, words[-3][0], "no month that is meant has such a day, so it would never fire")
    return fields


def zone(name: str) -> tzinfo:
    """Return a time zone by its name.

    Raises:
        InvalidOption: there is none.
    """
    if not isinstance(name, str):
        raise InvalidOption(f"tz must be the name of a time zone, such as 'Europe/Paris', not {name!r}")
    if name in ("localtime", "posixrules", "Factory"):
        raise InvalidOption(f"time zone {name!r} is another one on each host: name the one that is meant")
    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        known = available_timezones()
        hint = suggestion(name, known) or ": names are such as 'Europe/Paris'"
        missing = "" if known else "; this system has no time zones: install the package tzdata"
        raise InvalidOption(f"there is no time zone {name!r}{hint}{missing}") from None


def _values(text: str, at: int, word: str, kind: _Field) -> tuple[int, ...]:
    """Return the numbers that a field means, in order."""
    found: set[int] = set()
    for place, part in _parts(at, word):
        match = _PART.fullmatch(part)
        if match is None or match["suffix"] or match["first"] == "?":
            raise _mistake(text, place, f"{part!r} is no {kind.name}{_hint(part)}")
        found.update(_range(text, place, match, kind))
    return tuple(sorted(found))


def _days(text: str, of_month: tuple[int, str], of_week: tuple[int, str]) -> _Days:
    days, weekdays, nth = set[int](), set[int](), set[tuple[int, int]]()
    for place, part in _parts(*of_month):
        match = _PART.fullmatch(part)
        if part in ("L", "l"):
            days.add(-1)
        elif match is None or match["suffix"]:
            raise _mistake(text, place, f"{part!r} is no day of the month{_hint(part)}")
        else:
            days.update(_range(text, place, match, _DAYS))
    for place, part in _parts(*of_week):
        match = _PART.fullmatch(part)
        which = re.fullmatch(r"(\w+?)(?:#(\d+)|[Ll])", part)
        if which:
            number = -1 if which[2] is None else int(which[2])
            if not (number == -1 or 1 <= number <= 5):
                raise _mistake(text, place, f"{part!r}: a month has at most 5 of a weekday")
            nth.add((_number(text, place, which[1], _WEEKDAYS) % 7, number))
        elif match is None or match["suffix"]:
            raise _mistake(text, place, f"{part!r} is no day of the week{_hint(part)}")
        else:
            weekdays.update(number % 7 for number in _range(text, place, match, _WEEKDAYS))
    starred = [word[0] in "*?" for _, word in (of_month, of_week)]
    return _Days(frozenset(days), frozenset(weekdays), frozenset(nth), either=not any(starred))


def _parts(at: int, word: str) -> Iterator[tuple[int, str]]:
    for part in word.split(","):
        yield at, part
        at += len(part) + 1


def _range(text: str, place: int, match: re.Match[str], kind: _Field) -> Iterator[int]:
    most = min(kind.most, 6) if kind is _WEEKDAYS else kind.most
    step = 1
    if match["step"] is not None:
        step = int(match["step"])
        if not 1 <= step <= most:
            raise _mistake(
                text, place + match.start("step"), f"the step of {kind.article} {kind.name} is from 1 to {most}"
            )
    if match["first"] in "*?":
        if match["last"] is not None:
            raise _mistake(text, place, f"{match.group()!r}: a range has two numbers or names")
        return iter(range(kind.least, most + 1, step))
    first = _number(text, place, match["first"], kind)
    if match["last"] is None:
        # As in Vixie cron's successors: from there on, by the step.
        return iter(range(first, most + 1, step) if match["step"] else (first,))
    last = _number(text, place + match.start("last"), match["last"], kind)
    if last >= first:
        return iter(range(first, last + 1, step))
    # Over the end: fri-mon, 22-2.
    span = most - kind.least + 1
    return iter(kind.least + (number - kind.least) % span for number in range(first, last + span + 1, step))


def _number(text: str, place: int, word: str, kind: _Field) -> int:
    if word.isdigit():
        if not kind.least <= int(word) <= kind.most:
            raise _mistake(text, place, f"{kind.article} {kind.name} is from {kind.least} to {kind.most}, not {word}")
        return int(word)
    name = word.lower()[:3]
    full = [*calendar.month_name, *calendar.day_name]
    if not name or name not in kind.names or (len(word) > 3 and word.lower() not in map(str.lower, full)):
        known = [name for name in kind.names if name]
        hint = suggestion(word.lower(), known) or (f": names are {', '.join(known)}" if known else _hint(word))
        raise _mistake(text, place, f"{word!r} is no {kind.name}{hint}")
    return kind.names.index(name)


def _hint(part: str) -> str:
    if part == "":
        return ": there is nothing before or after a comma"
    if re.fullmatch(r"\d+[Ww]|[Ll][Ww]", part):
        return ": the nearest weekday (W) is not supported; use several days, and let the task look at the date"
    if part[0] in "Hh":
        return ": H is not supported; use jitter= to spread schedules"
    if part == "?":
        return ": write *"
    return ""


def _mistake(text: str, place: int, what: str) -> InvalidSchedule:
    return InvalidSchedule(f"cron expression {text!r}, at character {place + 1}: {what}")
