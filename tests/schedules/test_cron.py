"""What cron expressions mean: against a brute force that looks at each minute, and the mistakes people make."""

import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobqueue import Cron, InvalidOption, InvalidSchedule
from jobqueue.cron import MONTHS, NICKNAMES, WEEKDAYS

# A zone, and a minute before its clocks are changed: forward, back, by half an hour, at midnight, by a whole day.
CHANGES = {
    "America/New_York": ["2026-03-08T06:59", "2026-11-01T05:59"],
    "Europe/London": ["2026-03-29T00:59", "2026-10-25T00:59"],
    "Europe/Berlin": ["2026-03-29T00:59", "2026-10-25T00:59"],
    "Australia/Lord_Howe": ["2026-10-03T15:29", "2026-04-04T14:59"],
    "Africa/Cairo": ["2026-04-23T21:59", "2026-10-29T20:59"],
    "America/Sao_Paulo": ["2018-11-04T02:59", "2019-02-17T01:59"],
    "Asia/Kathmandu": ["2026-01-31T18:14"],
    "Pacific/Apia": ["2011-12-30T09:59"],
    "Africa/Casablanca": ["2026-02-15T01:59", "2026-03-22T01:59"],
    "UTC": ["2028-02-28T23:59"],
}


def values(text, least, most, names=()):
    """Return the numbers that a field of a generated expression means: an independent, slow reading."""
    found = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, _, last = ("0", "", "") if span == "*" else span.partition("-")
        numbers = [names.index(word) + least if word in names else int(word) for word in (first, last) if word]
        start, end = (least, most) if span == "*" else (numbers[0], numbers[-1])
        found |= set(range(start, end + 1, int(step or 1)))
    return found


class Brute:
    """The time of a zone, minute by minute, around a change of its clocks."""

    def __init__(self, zone, around):
        self.start = datetime.fromisoformat(around).replace(tzinfo=UTC) - timedelta(hours=5)
        self.minutes = []
        before = None
        for number in range(36 * 60):
            instant = self.start + timedelta(minutes=number)
            local = instant.astimezone(ZoneInfo(zone))
            wall = local.replace(tzinfo=None, fold=0)
            skipped = []
            if before is not None and timedelta(minutes=1) < wall - before <= timedelta(hours=3):
                skipped = [before + timedelta(minutes=n) for n in range(1, (wall - before) // timedelta(minutes=1))]
            self.minutes.append((instant, wall, local.fold, skipped))
            before = wall
        offsets = {instant.astimezone(ZoneInfo(zone)).utcoffset() for instant, *_ in self.minutes}
        self.changes = len(offsets) > 1

    def fires(self, expression, most):
        """Return the first times after the start at which an expression fires."""
        minute, hour, day, month, weekday = expression.split()
        minutes, hours = values(minute, 0, 59), values(hour, 0, 23)
        days, months = values(day, 1, 31), values(month, 1, 12, MONTHS)
        weekdays = {number % 7 for number in values(weekday, 0, 7, WEEKDAYS)}
        both = day[0] == "*" or weekday[0] == "*"
        wild = minute[0] == "*" or hour[0] == "*"

        def means(wall):
            if wall.minute not in minutes or wall.hour not in hours or wall.month not in months:
                return False
            chosen = wall.day in days, wall.isoweekday() % 7 in weekdays
            return all(chosen) if both else any(chosen)

        found = []
        for instant, wall, fold, skipped in self.minutes[1:]:
            made_up = not wild and any(means(each) for each in skipped)
            if made_up or (means(wall) and (wild or not fold)):
                found.append(instant)
                if len(found) == most:
                    break
        return found


def expressions(count):
    """Yield expressions as people write them, the same ones each time."""
    draw = random.Random(4)
    yield from ("30 2 * * *", "0 0 * * *", "30 1 * * *", "*/30 * * * *", "0 */2 * * *", "* 2 * * *", "15,45 1-3 * * *")
    for _ in range(count):
        minute = draw.choice(["0", "30", "59", "*/15", "*/7", "5-20/5", "0,15,45", str(draw.randrange(60)), "*"])
        hour = draw.choice(["*", "0", "1", "2", "3", "1-3", "*/2", "0,2,12", str(draw.randrange(24)), "22-23"])
        day = draw.choice(["*", "*", "*", "1", "31", "28-30", "*/2", "15,30", "25"])
        month = draw.choice(["*", "*", "*", "mar", "10-12", "feb,apr", "*/3"])
        weekday = draw.choice(["*", "*", "*", "sun", "mon-fri", "0,6", "7", "5"])
        yield f"{minute} {hour} {day} {month} {weekday}"


@pytest.mark.parametrize("zone", CHANGES)
def test_it_fires_when_a_brute_force_says_so(zone):
    for around in CHANGES[zone]:
        brute = Brute(zone, around)
        assert brute.changes == (zone not in ("UTC", "Asia/Kathmandu"))
        for expression in expressions(220):
            try:
                cron = Cron(expression, zone)
            except InvalidSchedule:
                assert expression.split()[2] in ("31", "28-30", "15,30")
                continue
            found, moment = [], brute.start
            expected = brute.fires(expression, 40)
            while len(found) < 40 and (moment := cron.next_after(moment)) and moment <= brute.minutes[-1][0]:
                found.append(moment)
            assert found == expected, f"{expression} in {zone} around {around}"


def fires(expression, tz, start, count=3):
    """Return the next times on the wall."""
    cron, found = Cron(expression, tz), []
    moment = datetime.fromisoformat(start).replace(tzinfo=cron.zone)
    while len(found) < count:
        moment = cron.next_after(moment)
        found.append(f"{moment.astimezone(cron.zone):%Y-%m-%d %H:%M:%S%z}"[:22])
    return found


@pytest.mark.parametrize(
    ("expression", "tz", "start", "expected"),
    [
        # What the clocks skip is made up for at once; what they repeat fires once.
        ("30 2 * * *", "America/New_York", "2026-03-07T12:00", ["2026-03-08 03:00:00-04", "2026-03-09 02:30:00-04"]),
        ("30 1 * * *", "America/New_York", "2026-10-31T12:00", ["2026-11-01 01:30:00-04", "2026-11-02 01:30:00-05"]),
        ("0 1 * * *", "Europe/London", "2026-10-24T12:00", ["2026-10-25 01:00:00+01", "2026-10-26 01:00:00+00"]),
        # What comes again and again keeps its distance, and fires on no time that is not there.
        ("0 * * * *", "Europe/London", "2026-10-25T00:30", ["2026-10-25 01:00:00+01", "2026-10-25 01:00:00+00"]),
        ("* 2 * * *", "America/New_York", "2026-03-08T00:00", ["2026-03-09 02:00:00-04", "2026-03-09 02:01:00-04"]),
        ("40 */2 * * *", "Africa/Cairo", "2026-04-23T22:00", ["2026-04-23 22:40:00+02", "2026-04-24 02:40:00+03"]),
        # Half an hour.
        ("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00", ["2026-10-04 02:30:00+11", "2026-10-05 02:15:00+11"]),
        # A day that a country has left out is not made up for.
        ("0 9 * * *", "Pacific/Apia", "2011-12-29T00:00", ["2011-12-29 09:00:00-10", "2011-12-31 09:00:00+14"]),
        # The calendar.
        ("0 0 29 2 *", "UTC", "2096-01-01T00:00", ["2096-02-29 00:00:00+00", "2104-02-29 00:00:00+00"]),
        ("0 0 L * *", "UTC", "2028-02-01T00:00", ["2028-02-29 00:00:00+00", "2028-03-31 00:00:00+00"]),
        ("0 0 31 * *", "UTC", "2026-04-01T00:00", ["2026-05-31 00:00:00+00", "2026-07-31 00:00:00+00"]),
        ("0 0 * * friL", "UTC", "2026-01-01T00:00", ["2026-01-30 00:00:00+00", "2026-02-27 00:00:00+00"]),
        ("0 0 * * mon#2", "UTC", "2026-01-01T00:00", ["2026-01-12 00:00:00+00", "2026-02-09 00:00:00+00"]),
        ("0 0 13 * fri", "UTC", "2026-01-01T00:00", ["2026-01-02 00:00:00+00", "2026-01-09 00:00:00+00"]),
        ("0 0 */13 * fri", "UTC", "2026-01-01T00:00", ["2026-02-27 00:00:00+00", "2026-03-27 00:00:00+00"]),
        # Over the end.
        ("0 22-2/2 * * *", "UTC", "2026-01-01T01:00", ["2026-01-01 02:00:00+00", "2026-01-01 22:00:00+00"]),
        ("0 0 * * fri-mon", "UTC", "2026-01-02T12:00", ["2026-01-03 00:00:00+00", "2026-01-04 00:00:00+00"]),
        # Seconds first, and names.
        ("*/20 0 9 * * *", "UTC", "2026-01-01T09:00", ["2026-01-01 09:00:20+00", "2026-01-01 09:00:40+00"]),
        ("@daily", "UTC", "2026-01-01T09:00", ["2026-01-02 00:00:00+00", "2026-01-03 00:00:00+00"]),
        ("@weekly", "UTC", "2026-01-01T09:00", ["2026-01-04 00:00:00+00", "2026-01-11 00:00:00+00"]),
    ],
)
def test_times(expression, tz, start, expected):
    assert fires(expression, tz, start, len(expected)) == expected


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("0 0 30 2 *", "at character 5: no month that is meant has such a day, so it would never fire"),
        ("0 0 31 2,4,6 *", "at character 5: no month"),
        ("61 * * * *", "at character 1: a minute is from 0 to 59, not 61"),
        ("0 9 * * mondy", r"at character 9: 'mondy' is no day of the week \(did you mean 'mon'"),
        ("5 0 * jan-13 *", "at character 11: a month is from 1 to 12, not 13"),
        ("0 9,,10 * * *", "at character 5: '' is no hour: there is nothing before or after a comma"),
        ("*/0 * * * *", "at character 3: the step of a minute is from 1 to 59"),
        ("1-2-3 * * * *", "at character 1: '1-2-3' is no minute"),
        ("*-5 * * * *", "at character 1"),
        ("? * * * *", r"at character 1: '\?' is no minute: write \*"),
        ("0 0 15W * *", r"at character 5: .* the nearest weekday \(W\) is not supported"),
        ("H * * * *", "at character 1: 'H' is no minute: H is not supported; use jitter="),
        ("0 0 * * mon#6", "at character 9: 'mon#6': a month has at most 5"),
        ("@dialy", r"at character 1: there is no '@dialy' \(did you mean '@daily'"),
        ("* * * *", "has 4 fields: write five"),
        ("", "has 0 fields"),
        ("* " * 200, "at most 256 characters"),
        (None, "is a text, not None"),
    ],
)
def test_mistakes_are_refused_where_they_are(wrong, message):
    with pytest.raises(InvalidSchedule, match=message):
        Cron(wrong)


def test_an_unknown_zone():
    with pytest.raises(InvalidOption, match=r"no time zone 'Europe/Pariss' \(did you mean 'Europe/Paris'\?\)"):
        Cron("* * * * *", "Europe/Pariss")


FIELD = st.from_regex(
    r"(\*|[0-9]{1,2}|[a-z]{3})(-([0-9]{1,2}|[a-z]{3}))?(/[0-9]{1,2})?(,[0-9]{1,2}L?)?", fullmatch=True
)


@given(st.lists(FIELD, min_size=4, max_size=7).map(" ".join) | st.sampled_from([*NICKNAMES]) | st.text(max_size=30))
def test_whatever_is_written_is_refused_or_fires_in_order(text):
    try:
        cron = Cron(text)
    except InvalidSchedule:
        return
    moment = datetime(2026, 1, 31, 23, 59, 30, 500, tzinfo=UTC)
    for _ in range(3):
        following = cron.next_after(moment)
        assert following is not None
        assert following > moment
        moment = following
