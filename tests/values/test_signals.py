"""What a job raises to say how it ended."""

import copy
import pickle
from dataclasses import dataclass
from datetime import timedelta

import pytest

from jobqueue.errors import InvalidOption
from jobqueue.signals import Cancel, RateLimited, RetryAfter, Signal, Snooze, WaitFor


@dataclass(frozen=True)
class Job:
    """What can be waited for: a draft, or a handle."""

    queue: str | None = "mail"


SIGNALS = [
    Snooze(60),
    RetryAfter(60),
    RetryAfter(60, "the shop is closed"),
    Cancel(),
    Cancel("no longer needed"),
    RateLimited(60),
    RateLimited(60, hold="task"),
    WaitFor([Job()]),
    WaitFor([Job(), Job("load")], on_failure="run"),
]


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
        (RateLimited(1.5), "rate limited for 1.5 s"),
        (RateLimited(60, "task"), "rate limited for 60 s"),
        (WaitFor([Job(), Job()]), "wait for 2 jobs"),
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


def test_so_may_the_time_of_a_rate_limit():
    assert RateLimited(timedelta(minutes=1)).retry_after == RateLimited(60).retry_after == 60.0


@pytest.mark.parametrize("time", [-1, float("nan"), "60", None, 0, timedelta(0)])
def test_a_rate_limit_lasts_longer_than_nothing(time):
    with pytest.raises(InvalidOption, match="the time of RateLimited"):
        RateLimited(time)


@pytest.mark.parametrize("hold", ["keys", "", "worker", 5, True, ["key"]])
def test_what_rests_is_a_key_a_task_or_a_queue(hold):
    with pytest.raises(InvalidOption, match="hold= of RateLimited must be 'key', 'task' or 'queue'"):
        RateLimited(60, hold)
    assert [RateLimited(60, each).hold for each in (None, "key", "task", "queue")] == [None, "key", "task", "queue"]


@pytest.mark.parametrize("jobs", [[], (), iter([])])
def test_there_is_something_to_wait_for(jobs):
    with pytest.raises(InvalidOption, match="there is nothing to wait for"):
        WaitFor(jobs)


@pytest.mark.parametrize("policy", ["", "stop", None, True])
def test_what_becomes_of_a_job_that_waits_is_one_of_four(policy):
    with pytest.raises(InvalidOption, match="on_failure must be 'fail', 'run', 'ignore' or 'cancel'"):
        WaitFor([Job()], policy)
    policies = ["fail", "run", "ignore", "cancel"]
    assert [WaitFor([Job()], each).on_failure for each in policies] == policies
    assert WaitFor([Job()]).on_failure == "fail"


def test_jobs_to_wait_for_are_read_once():
    assert WaitFor(Job(name) for name in ("a", "b")).jobs == (Job("a"), Job("b"))


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("duplicate", [copy.copy, lambda signal: pickle.loads(pickle.dumps(signal))])
def test_it_passes_through_a_process_pool_that_a_task_uses(signal, duplicate):
    other = duplicate(signal)
    assert (type(other), str(other), vars(other)) == (type(signal), str(signal), vars(signal))
