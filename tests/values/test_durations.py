"""Durations as people write and read them."""

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobqueue.durations import LONGEST, format_duration, parse_duration, seconds
from jobqueue.errors import InvalidOption


@pytest.mark.parametrize(("value", "expected"), [(5, 5.0), (0, 0.0), (1.5, 1.5), (timedelta(minutes=2), 120.0)])
def test_seconds(value, expected):
    assert seconds(value, "delay") == expected


@pytest.mark.parametrize(
    "value", [-1, float("nan"), float("inf"), "5", None, True, 1e11, timedelta(seconds=-1), timedelta.max, b"5", [5]]
)
def test_what_is_not_a_duration_is_refused_with_its_name(value):
    with pytest.raises(InvalidOption, match="delay"):
        seconds(value, "delay")


def test_the_longest_duration_is_allowed():
    assert seconds(LONGEST, "delay") == LONGEST


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90", 90),
        ("0", 0),
        ("1.5", 1.5),
        ("90s", 90),
        ("5m", 300),
        ("2h", 7200),
        ("1d", 86400),
        ("1w", 604800),
        ("250ms", 0.25),
        ("1h30m", 5400),
        ("1w2d3h4m5s6ms", 604800 + 2 * 86400 + 3 * 3600 + 4 * 60 + 5.006),
        ("1.5h", 5400),
        (" 5M ", 300),
    ],
)
def test_a_duration_is_read_as_it_is_typed(text, expected):
    assert parse_duration(text) == pytest.approx(expected)


@pytest.mark.parametrize(
    "text", ["", " ", "soon", "5x", "h", "5 m", "-5", "-5m", "5m-", "1h30", "m5", "nan", "inf", "1e11", "99999w", ".5h"]
)
def test_a_text_that_is_no_duration_is_refused(text):
    with pytest.raises(InvalidOption, match="duration"):
        parse_duration(text)


@given(st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
def test_the_parts_of_a_duration_add_up(hours, minutes, rest):
    assert parse_duration(f"{hours}h{minutes}m{rest}s") == hours * 3600 + minutes * 60 + rest


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "0ms"),
        (0.04, "40ms"),
        (0.9994, "999ms"),
        (0.9996, "1s"),
        (1, "1s"),
        (2.5, "2.5s"),
        (10, "10s"),
        (59.94, "59.9s"),
        (59.96, "1m"),
        (60, "1m"),
        (90, "1m 30s"),
        (3599.6, "1h"),
        (5400, "1h 30m"),
        (86399.9, "1d"),
        (90061, "1d 1h"),
        (864000, "10d"),
    ],
)
def test_a_duration_is_shown_in_its_two_largest_units(value, expected):
    assert format_duration(value) == expected


@given(st.floats(0, 1e7))
def test_what_is_shown_is_the_duration_rounded_to_its_second_unit(value):
    text = format_duration(value)
    assert len(text.split()) <= 2
    limits = {"ms": 1000, "s": 60, "m": 60, "h": 24, "d": 1e9}
    assert all(float(number) < limits[unit] for number, unit in re.findall(r"([\d.]+)([a-z]+)", text))
    precision = {"ms": 0.0005, "s": 0.5, "m": 60, "h": 3600, "d": 3600}[re.findall("[a-z]+", text)[-1]]
    assert parse_duration(text.replace(" ", "")) == pytest.approx(value, abs=precision * 1.001)
