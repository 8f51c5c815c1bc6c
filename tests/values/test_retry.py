"""When a failed attempt is made again, and after how long."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import from_json, to_json

from jobqueue.durations import LONGEST
from jobqueue.errors import InvalidOption, UnknownOption
from jobqueue.retry import Exponential, Retry, as_retry

ERROR = ValueError("no")

delays = st.floats(0, LONGEST)
exponentials = st.builds(
    Exponential, base=delays, factor=st.floats(1, 1000) | st.integers(1, 1000), cap=delays, jitter=st.booleans()
)
travelling = st.builds(
    Retry, attempts=st.integers(1, 1_000_000), backoff=delays | st.lists(delays, min_size=1) | exponentials
)


def waits(backoff, count: int = 5) -> list[float]:
    """Return the first waits of a policy."""
    return [Retry(backoff=backoff).delay(failures, ERROR) for failures in range(1, count + 1)]


@pytest.mark.parametrize("attempts", [0, -1, 1.5, 1_000_001, True, "3", None])
def test_attempts_are_a_whole_number_from_one(attempts):
    with pytest.raises(InvalidOption, match=r"attempts=\.\.\."):
        Retry(attempts)


@pytest.mark.parametrize("attempts", [1, 1_000_000])
def test_a_job_may_be_tried_once_or_very_often(attempts):
    assert Retry(attempts).attempts == attempts


@pytest.mark.parametrize(
    "backoff",
    [-1, float("nan"), float("inf"), 1e11, True, None, "5", b"5", "", {}, {5}, [], [1, -1], [1, "2"], [[1]]],
)
def test_a_backoff_that_is_no_wait_is_refused(backoff):
    with pytest.raises(InvalidOption, match="backoff"):
        Retry(backoff=backoff)


def test_the_class_of_a_backoff_is_not_a_backoff():
    with pytest.raises(InvalidOption, match="backoff"):
        Retry(backoff=Exponential)


@pytest.mark.parametrize("member", ["on", "never"])
@pytest.mark.parametrize("value", ["ValueError", ERROR, (ValueError, "TypeError"), int, [ValueError], None])
def test_exceptions_are_named_by_their_types(member, value):
    with pytest.raises(InvalidOption, match=rf"Retry\({member}=\.\.\.\) takes exception types"):
        Retry(**{member: value})


@pytest.mark.parametrize(
    "members",
    [
        {"base": -1},
        {"base": "2"},
        {"base": None},
        {"cap": float("inf")},
        {"cap": True},
        {"factor": 0.5},
        {"factor": 1001},
        {"factor": float("nan")},
        {"factor": "2"},
        {"factor": None},
        {"factor": True},
        {"jitter": "no"},
        {"jitter": None},
    ],
)
def test_an_exponential_backoff_refuses_what_cannot_work(members):
    with pytest.raises(InvalidOption, match=next(iter(members))):
        Exponential(**members)


@pytest.mark.parametrize(
    ("backoff", "expected"),
    [
        (5, [5, 5, 5, 5, 5]),
        (0, [0, 0, 0, 0, 0]),
        (timedelta(minutes=1), [60, 60, 60, 60, 60]),
        ([1, 10, 60], [1, 10, 60, 60, 60]),
        ((timedelta(seconds=1), 2.5), [1, 2.5, 2.5, 2.5, 2.5]),
        (Exponential(jitter=False), [2, 4, 8, 16, 32]),
        (Exponential(1, 10, 500, jitter=False), [1, 10, 100, 500, 500]),
        (Exponential(base=0, jitter=False), [0, 0, 0, 0, 0]),
        (Exponential(base=5, factor=1, jitter=False), [5, 5, 5, 5, 5]),
        (Exponential(timedelta(minutes=1), cap=180, jitter=False), [60, 120, 180, 180, 180]),
        (Exponential(60, cap=timedelta(minutes=3), jitter=False), [60, 120, 180, 180, 180]),
        (lambda failures, error: failures * 1.5, [1.5, 3, 4.5, 6, 7.5]),
        (lambda failures, error: timedelta(minutes=failures), [60, 120, 180, 240, 300]),
    ],
)
def test_the_waits_of_a_backoff(backoff, expected):
    assert waits(backoff) == expected


def test_a_backoff_function_sees_the_exception():
    retry = Retry(backoff=lambda failures, error: 60 if isinstance(error, ConnectionError) else 1)
    assert (retry.delay(1, ConnectionError()), retry.delay(1, ERROR)) == (60, 1)


@pytest.mark.parametrize("returned", [-1, None, "5", float("nan")])
def test_a_backoff_function_that_returns_no_duration_is_refused_when_it_does(returned):
    with pytest.raises(InvalidOption, match="what the backoff function returns"):
        Retry(backoff=lambda failures, error: returned).delay(1, ERROR)


@given(exponentials, st.integers(1, 1_000_000))
def test_jitter_draws_between_zero_and_the_wait_without_jitter(exponential, failures):
    without = Exponential(exponential.base, exponential.factor, exponential.cap, jitter=False)
    assert 0 <= Retry(backoff=exponential).delay(failures, ERROR) <= without(failures, ERROR) <= exponential.cap


def test_jitter_spreads_over_the_whole_range():
    drawn = [Exponential(base=100)(1, ERROR) for _ in range(1000)]
    assert min(drawn) < 10
    assert max(drawn) > 90
    assert 40 < sum(drawn) / len(drawn) < 60


@pytest.mark.parametrize("factor", [1.01, 1.05, 2, 2.0, 1000])
@pytest.mark.parametrize("failures", [1_000_000, 999_999, 5_000])
def test_after_any_number_of_failures_the_cap_is_reached_and_nothing_overflows(factor, failures):
    assert Exponential(1, factor, 3600, jitter=False)(failures, ERROR) == 3600


def test_an_overflow_makes_no_wait_out_of_none():
    assert Exponential(0, 1000, jitter=False)(1_000_000, ERROR) == 0


@given(st.floats(0.001, 100), st.floats(1, 3), st.integers(1, 300))
def test_it_grows_by_its_factor_until_the_cap(base, factor, failures):
    expected = min(3600.0, base * factor ** (failures - 1))
    assert Exponential(base, factor, jitter=False)(failures, ERROR) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("retry", "failures", "error", "again"),
    [
        (Retry(), 1, ERROR, True),
        (Retry(), 2, ERROR, True),
        (Retry(), 3, ERROR, False),
        (Retry(1), 1, ERROR, False),
        (Retry(on=OSError), 1, ERROR, False),
        (Retry(on=OSError), 1, ConnectionError(), True),
        (Retry(on=(OSError, ValueError)), 1, ERROR, True),
        (Retry(never=ValueError), 1, ERROR, False),
        (Retry(never=ValueError), 1, OSError(), True),
        (Retry(on=OSError, never=ConnectionError), 1, ConnectionRefusedError(), False),
        (Retry(on=OSError, never=ConnectionError), 1, FileNotFoundError(), True),
        (Retry(on=()), 1, ERROR, False),
        (Retry(), 1, KeyboardInterrupt(), False),
        (Retry(on=BaseException), 1, KeyboardInterrupt(), True),
    ],
)
def test_which_failures_are_worth_another_attempt(retry, failures, error, again):
    assert retry.allows(failures, error) is again


@given(travelling)
def test_a_policy_arrives_as_it_was_sent(retry):
    assert Retry.from_wire(from_json(to_json(retry.to_wire())), Retry()) == retry


@pytest.mark.parametrize(
    ("retry", "wire"),
    [
        (Retry(5, 10), {"attempts": 5, "backoff": 10.0}),
        (Retry(5, [1, 2]), {"attempts": 5, "backoff": [1.0, 2.0]}),
        (Retry(), {"attempts": 3, "backoff": {"base": 2.0, "factor": 2.0, "cap": 3600.0, "jitter": True}}),
        (Retry(2, on=Exception), {"attempts": 2, "backoff": Retry().to_wire()["backoff"]}),
    ],
)
def test_how_a_policy_travels(retry, wire):
    assert retry.to_wire() == wire


@pytest.mark.parametrize(
    ("retry", "message"),
    [
        (Retry(on=ValueError), "exception types cannot travel"),
        (Retry(on=(Exception, ValueError)), "exception types cannot travel"),
        (Retry(never=ValueError), "exception types cannot travel"),
        (Retry(backoff=lambda failures, error: 1), "a backoff function cannot travel"),
    ],
)
def test_what_lives_in_code_cannot_travel(retry, message):
    with pytest.raises(InvalidOption, match=message):
        retry.to_wire()


def test_what_does_not_travel_is_taken_from_the_code():
    code = Retry(7, 60, on=OSError, never=ConnectionError)
    assert Retry.from_wire({}, code) == code
    assert Retry.from_wire({"attempts": 2}, code) == Retry(2, 60, OSError, ConnectionError)
    assert Retry.from_wire({"backoff": 1}, code) == Retry(7, 1, OSError, ConnectionError)
    assert Retry.from_wire({"backoff": {}}, code) == Retry(7, Exponential(), OSError, ConnectionError)


@pytest.mark.parametrize(
    "wire",
    [
        {"attempts": "3"},
        {"attempts": None},
        {"attempts": 0},
        {"attempts": True},
        {"backoff": "soon"},
        {"backoff": None},
        {"backoff": []},
        {"backoff": [None]},
        {"backoff": {"base": "2"}},
        {"backoff": {"factor": "2"}},
        {"backoff": {"bse": 2}},
        {"backoff": {"jitter": 2}},
    ],
)
def test_a_policy_that_arrives_broken_is_refused(wire):
    with pytest.raises(InvalidOption):
        Retry.from_wire(wire, Retry())


def test_a_member_that_is_not_known_is_refused_with_a_suggestion():
    with pytest.raises(UnknownOption, match="did you mean 'attempts'"):
        Retry.from_wire({"attemps": 3}, Retry())


def test_a_number_is_a_number_of_attempts():
    assert as_retry(5) == Retry(5)
    assert as_retry(Retry(5)) == Retry(5)


def test_equal_policies_are_equal_and_cannot_be_changed():
    assert Retry(5, [1, 2]) == Retry(5, (1.0, 2.0)) != Retry(5, [1, 3])
    with pytest.raises(AttributeError):
        Retry().attempts = 4
