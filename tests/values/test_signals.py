"""What a job raises to say how it ended."""

import copy
import pickle
from datetime import timedelta

import pytest

from jobqueue.errors import InvalidOption
from jobqueue.signals import Cancel, RetryAfter, Signal, Snooze

SIGNALS = [Snooze(60), RetryAfter(60), RetryAfter(60, "the shop is closed"), Cancel(), Cancel("no longer needed")]


@pytest.mark.parametrize("signal", SIGNALS)
def test_a_signal_is_not_eaten_by_except_exception(signal):
    assert isinstance(signal, Signal)
    assert not isinstance(signal, Exception)


@pytest.mark.parametrize(
    ("signal", "text"),
    [
        (Snooze(60), "snooze for 60 s"),
        (RetryAfter(1.5), "retry after 1.5 s"),
        (RetryAfter(60, "the shop is closed"), "the shop is closed"),
        (RetryAfter(60, ValueError("no")), "no"),
        (Cancel("no longer needed"), "no longer needed"),
        (Cancel(), ""),
    ],
)
def test_its_text_says_what_it_means(signal, text):
    assert str(signal) == text


@pytest.mark.parametrize("signal", [Snooze, RetryAfter])
def test_a_delay_may_be_a_timedelta(signal):
    assert signal(timedelta(minutes=1)).delay == signal(60).delay == 60.0


@pytest.mark.parametrize("signal", [Snooze, RetryAfter])
@pytest.mark.parametrize("delay", [-1, float("nan"), "60", None])
def test_a_delay_that_is_no_duration_is_refused(signal, delay):
    with pytest.raises(InvalidOption, match=f"the delay of {signal.__name__}"):
        signal(delay)


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("duplicate", [copy.copy, lambda signal: pickle.loads(pickle.dumps(signal))])
def test_it_passes_through_a_process_pool_that_a_task_uses(signal, duplicate):
    other = duplicate(signal)
    assert (type(other), str(other), vars(other)) == (type(signal), str(signal), vars(signal))
