"""What an execution that is over means for its job."""

import asyncio
import types
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobqueue.job import Counts
from jobqueue.outcome import (
    Blocked,
    Cancelled,
    Completed,
    ErrorText,
    Failed,
    Interrupted,
    Limited,
    Retried,
    Snoozed,
)
from jobqueue.retry import Retry
from jobqueue.signals import Cancel, RateLimited, RetryAfter, Snooze
from jobqueue.signature import UnwritableResult
from jobqueue.worker.decide import (
    MESSAGE_LIMIT,
    TRACEBACK_LIMIT,
    Raised,
    Returned,
    Stop,
    Terms,
    Waiting,
    decide,
    error_text,
)

MARKER = 60  # what a text that was cut says of it


class Unreadable(Exception):
    """An error whose message cannot be read."""

    def __str__(self) -> str:
        raise RuntimeError("no")


def terms(
    failures: int = 0,
    retry: Retry | None = None,
    timeout: float | None = None,
    result_ttl: float | None = None,
    key: str | None = None,
):
    """Return what holds for an execution."""
    counts = Counts(failures, lost=2, interrupted=5, snoozed=7, limited=9)
    return Terms(counts, retry or Retry(3, 10), timeout, result_ttl, "greet", key)


def error(kind: str, message: str) -> ErrorText:
    """Return an error without a traceback."""
    return ErrorText(kind, message)


def group(*errors: BaseException) -> BaseExceptionGroup:
    """Return what a task group raises."""
    return BaseExceptionGroup("unhandled errors in a TaskGroup", errors)


@pytest.mark.parametrize("stop", [None, *Stop])
def test_a_function_that_returns_has_done_its_work_even_if_it_was_told_to_stop(stop):
    assert decide(Returned(b"5"), terms(), stop) == Completed(b"5")
    assert decide(Returned(b"5"), terms(result_ttl=60), stop) == Completed(b"5", 60)


ONCE = Retry(1)
PICKY = Retry(3, 10, on=OSError, never=ConnectionError)


@pytest.mark.parametrize(
    ("raised", "given", "stop", "expected"),
    [
        # What it raised decides when nobody stopped it.
        (ValueError("no"), terms(), None, Retried(error("ValueError", "no"), 10)),
        (ValueError("no"), terms(failures=1), None, Retried(error("ValueError", "no"), 10)),
        (ValueError("no"), terms(failures=2), None, Failed(error("ValueError", "no"))),
        (ValueError("no"), terms(failures=9), None, Failed(error("ValueError", "no"))),
        (ValueError("no"), terms(retry=ONCE), None, Failed(error("ValueError", "no"))),
        (ValueError("no"), terms(retry=Retry(3, [1, 2])), None, Retried(error("ValueError", "no"), 1)),
        (ValueError("no"), terms(1, Retry(3, [1, 2])), None, Retried(error("ValueError", "no"), 2)),
        (ValueError("no"), terms(retry=PICKY), None, Failed(error("ValueError", "no"))),
        (OSError("no"), terms(retry=PICKY), None, Retried(error("OSError", "no"), 10)),
        (ConnectionError("no"), terms(retry=PICKY), None, Failed(error("ConnectionError", "no"))),
        (group(ValueError("no")), terms(), None, Retried(error("ExceptionGroup", f"{group(ValueError())}"), 10)),
        (UnwritableResult("no"), terms(), None, Failed(error("UnwritableResult", "no"))),
        # What is no Exception is a failure like others, and can be named in the policy.
        (SystemExit(2), terms(), None, Retried(error("SystemExit", "2"), 10)),
        (KeyboardInterrupt(), terms(), None, Retried(error("KeyboardInterrupt", ""), 10)),
        (asyncio.CancelledError(), terms(), None, Retried(error("asyncio.exceptions.CancelledError", ""), 10)),
        (SystemExit(2), terms(retry=Retry(3, 10, never=SystemExit)), None, Failed(error("SystemExit", "2"))),
        (SystemExit(2), terms(retry=Retry(3, 10, on=SystemExit)), None, Retried(error("SystemExit", "2"), 10)),
        (SystemExit(2), terms(retry=Retry(3, 10, on=OSError)), None, Failed(error("SystemExit", "2"))),
        (SystemExit(2), terms(failures=2, retry=Retry(3, 10, on=SystemExit)), None, Failed(error("SystemExit", "2"))),
        # Signals say it themselves.
        (Snooze(60), terms(), None, Snoozed(60)),
        (Snooze(60), terms(failures=9), None, Snoozed(60)),
        (Cancel("no need"), terms(), None, Cancelled("no need")),
        (Cancel(), terms(retry=ONCE), None, Cancelled("")),
        (RetryAfter(60, "busy"), terms(), None, Retried(error("RetryAfter", "busy"), 60)),
        (RetryAfter(0), terms(), None, Retried(error("RetryAfter", "retry after 0 s"), 0)),
        (RetryAfter(60, ValueError("no")), terms(), None, Retried(error("RetryAfter", "no"), 60)),
        (RetryAfter(60, "busy"), terms(retry=PICKY), None, Retried(error("RetryAfter", "busy"), 60)),
        (RetryAfter(60, "busy"), terms(failures=2), None, Failed(error("RetryAfter", "busy"))),
        (RetryAfter(60, "busy"), terms(retry=ONCE), None, Failed(error("RetryAfter", "busy"))),
        (RateLimited(60), terms(), None, Limited("queue", 60)),
        (RateLimited(60), terms(failures=9), None, Limited("queue", 60)),
        (RateLimited(60), terms(key="acme"), None, Limited("key:acme", 60)),
        (RateLimited(60, "key"), terms(key="acme"), None, Limited("key:acme", 60)),
        (RateLimited(60, "task"), terms(key="acme"), None, Limited("task:greet", 60)),
        (RateLimited(60, "queue"), terms(key="acme"), None, Limited("queue", 60)),
        (Waiting("fail:mail/j1,run:load/j2"), terms(retry=ONCE), None, Blocked("fail:mail/j1,run:load/j2")),
        (group(RateLimited(60)), terms(), None, Limited("queue", 60)),
        (group(ValueError("no"), Waiting("fail:mail/j1")), terms(), None, Blocked("fail:mail/j1")),
        (group(Snooze(60)), terms(), None, Snoozed(60)),
        (group(group(Cancel("no need"))), terms(), None, Cancelled("no need")),
        (group(ValueError("no"), group(OSError("no"), Snooze(60))), terms(), None, Snoozed(60)),
        (group(Snooze(60), Cancel("no need")), terms(), None, Snoozed(60)),
        # Being stopped decides, unless a signal says otherwise.
        (asyncio.CancelledError(), terms(), Stop.CANCELLED, Cancelled("")),
        (ValueError("no"), terms(), Stop.CANCELLED, Cancelled("")),
        (asyncio.CancelledError(), terms(), Stop.SHUTDOWN, Interrupted("the worker shut down")),
        (ValueError("no"), terms(failures=2), Stop.SHUTDOWN, Interrupted("the worker shut down")),
        (asyncio.CancelledError(), terms(), Stop.LEASE_LOST, Interrupted("the worker shut down")),
        (group(asyncio.CancelledError()), terms(), Stop.SHUTDOWN, Interrupted("the worker shut down")),
        (Snooze(60), terms(), Stop.SHUTDOWN, Snoozed(60)),
        (Snooze(60), terms(), Stop.CANCELLED, Snoozed(60)),
        (Cancel("no need"), terms(), Stop.TIMEOUT, Cancelled("no need")),
        (RateLimited(60), terms(), Stop.SHUTDOWN, Limited("queue", 60)),
        (Waiting("fail:mail/j1"), terms(), Stop.SHUTDOWN, Blocked("fail:mail/j1")),
        (
            asyncio.CancelledError(),
            terms(timeout=1.5),
            Stop.TIMEOUT,
            Retried(error("JobTimeout", "the job took longer than its timeout of 1.5 s"), 10),
        ),
        (
            asyncio.CancelledError(),
            terms(failures=2, timeout=60),
            Stop.TIMEOUT,
            Failed(error("JobTimeout", "the job took longer than its timeout of 60 s")),
        ),
        (
            asyncio.CancelledError(),
            terms(retry=PICKY, timeout=60),
            Stop.TIMEOUT,
            Failed(error("JobTimeout", "the job took longer than its timeout of 60 s")),
        ),
    ],
)  # fmt: skip
def test_what_becomes_of_a_job(raised, given, stop, expected):
    outcome = decide(Raised(raised), given, stop)
    if isinstance(outcome, Failed | Retried):
        assert outcome.error.traceback
        outcome = replace(outcome, error=replace(outcome.error, traceback=""))
    assert outcome == expected


@given(st.integers(0, 30), st.integers(1, 30))
def test_a_job_is_run_as_often_as_its_policy_says_and_only_failures_count(failures, attempts):
    outcome = decide(Raised(ValueError()), terms(failures, Retry(attempts, 10)))
    assert isinstance(outcome, Retried if failures + 1 < attempts else Failed)


async def test_a_signal_raised_inside_a_task_group_is_found():
    async def snooze():
        raise Snooze(60)

    async def go_on():
        await asyncio.Event().wait()

    async def both():
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(go_on())
            tasks.create_task(snooze())

    with pytest.raises(BaseExceptionGroup) as caught:
        await both()
    assert decide(Raised(caught.value), terms()) == Snoozed(60)


@pytest.mark.parametrize("returned", [-1, None, "soon", float("nan"), 1e11])
def test_a_backoff_function_that_returns_no_duration_costs_a_note_and_not_the_job(returned):
    outcome = decide(Raised(ValueError("no")), terms(retry=Retry(3, lambda failures, error: returned)))
    assert isinstance(outcome, Retried)
    assert 0 <= outcome.delay <= 2
    assert "the backoff function failed: InvalidOption" in outcome.error.traceback


@pytest.mark.parametrize("broken", [ZeroDivisionError("no"), Unreadable()])
def test_so_does_one_that_raises(broken):
    def backoff(failures, error):
        raise broken

    outcome = decide(Raised(ValueError("no")), terms(retry=Retry(3, backoff)))
    assert isinstance(outcome, Retried)
    assert 0 <= outcome.delay <= 2
    assert "the backoff function failed: " in outcome.error.traceback
    assert outcome.error.message == "no"


def raised(function, *args):
    """Return what a function raises."""
    with pytest.raises(BaseException) as caught:
        function(*args)
    return caught.value


def task(message: str = "no"):
    """Fail as a task does."""
    raise ValueError(message)


def test_an_error_leaves_the_process_as_text():
    text = error_text(raised(task))
    assert (text.type, text.message) == ("ValueError", "no")
    assert text.traceback.startswith("Traceback (most recent call last):\n")
    assert text.traceback.endswith("ValueError: no\n")
    assert ", in task\n" in text.traceback


class OfOurOwn(Exception):
    """An error with a module."""


@pytest.mark.parametrize(
    ("raised", "name"),
    [
        (ValueError(), "ValueError"),
        (OfOurOwn(), f"{__name__}.OfOurOwn"),
        (asyncio.CancelledError(), "asyncio.exceptions.CancelledError"),
    ],
)
def test_it_is_called_by_its_full_name_unless_python_brings_it(raised, name):
    assert error_text(raised).type == name


def test_what_it_was_caused_by_and_its_notes_are_kept():
    def handle():
        try:
            task("the first")
        except ValueError as first:
            second = KeyError("the second")
            second.add_note("a note")
            raise second from first

    text = error_text(raised(handle)).traceback
    assert text.index("ValueError: the first") < text.index("direct cause") < text.index("KeyError: 'the second'")
    assert "a note" in text


def inside(module: str, function):
    """Return a function of a module that calls another."""

    def call():
        function()

    code = call.__code__.replace(co_name=f"call_in_{module}")
    return types.FunctionType(code, {"__name__": module}, closure=call.__closure__)


@pytest.mark.parametrize(
    "modules",
    [
        ["jobqueue.worker.runner"],
        ["jobqueue.worker.runner", "jobqueue.worker.executors.thread"],
        ["jobqueue.worker.runner", "jobqueue.middleware"],
    ],
)
def test_our_own_frames_above_those_of_the_task_are_left_out(modules):
    function = task
    for module in reversed(modules):
        function = inside(module, function)
    failure = raised(function)
    # The frames of this test are below those of the worker in real life.
    failure.__traceback__ = failure.__traceback__.tb_next
    text = error_text(failure).traceback
    assert ", in task\n" in text
    assert "call_in_" not in text


def test_frames_of_others_are_kept():
    failure = raised(inside("jobqueue_of_mine.worker.runner", inside("jobqueue.worker.runner", task)))
    failure.__traceback__ = failure.__traceback__.tb_next
    assert error_text(failure).traceback.count("call_in_") == 2


@pytest.mark.parametrize("size", [MESSAGE_LIMIT, MESSAGE_LIMIT + 1, 1_000_000])
def test_a_huge_message_is_cut_in_the_middle(size):
    text = error_text(ValueError("A" * (size - 3) + "END"))
    assert len(text.message) <= MESSAGE_LIMIT + MARKER
    assert text.message.startswith("AAA")
    assert text.message.endswith("END")
    assert (f"\n... {size - MESSAGE_LIMIT:,} characters left out ...\n" in text.message) is (size > MESSAGE_LIMIT)
    assert text.message.count("A") == min(size, MESSAGE_LIMIT) - 3
    assert len(text.traceback) <= TRACEBACK_LIMIT + MARKER


def test_a_huge_traceback_is_cut_in_the_middle():
    def fall(depth):
        if depth:
            fall_on(depth)
        task()

    def fall_on(depth):
        fall(depth - 1)

    text = error_text(raised(fall, 200)).traceback
    assert len(text) <= TRACEBACK_LIMIT + MARKER
    assert text.startswith("Traceback (most recent call last):\n")
    assert text.endswith("ValueError: no\n")
    assert "characters left out" in text


def test_a_recursion_without_end_is_an_error_like_others():
    def fall():
        fall()

    text = error_text(raised(fall))
    assert text.type == "RecursionError"
    assert len(text.traceback) <= TRACEBACK_LIMIT + MARKER


def test_a_message_that_cannot_be_read_does_not_keep_the_job_from_being_settled():
    text = error_text(raised(inside("somewhere", lambda: task_raising(Unreadable()))))
    assert text.message == "(its message cannot be read: RuntimeError)"
    assert "Unreadable: <exception str() failed>" in text.traceback


def task_raising(failure):
    """Raise an exception."""
    raise failure


@pytest.mark.parametrize(
    "raised",
    [
        ValueError("a file called \udcff"),
        RetryAfter(5, "a file called \udcff"),
        KeyError("\ud800"),
        ValueError("\udcff" * 10_000),
        group(ValueError("\udcff")),
    ],
)
def test_text_that_has_no_form_in_utf_8_is_replaced(raised):
    for outcome in (decide(Raised(raised), terms()), decide(Raised(raised), terms(failures=2))):
        assert rb"\\ud" in outcome.error.to_json()
        assert len(outcome.error.message) <= MESSAGE_LIMIT + MARKER
        assert len(outcome.error.traceback) <= TRACEBACK_LIMIT + MARKER


@given(st.text(st.characters()))
def test_any_error_can_be_written(message):
    decide(Raised(ValueError(message)), terms()).error.to_json().decode()


@pytest.mark.parametrize(
    ("reason", "expected"),
    [("too late", "too late"), ("\udcff", "\\udcff"), (None, ""), (5, "5"), (ValueError("no"), "no")],
)
def test_the_reason_of_a_cancelled_job_is_a_text_that_can_be_written(reason, expected):
    assert decide(Raised(Cancel(reason)), terms()) == Cancelled(expected)


def test_the_reason_of_a_cancelled_job_is_cut_when_it_is_huge():
    assert len(decide(Raised(Cancel("x" * 1_000_000)), terms()).reason) <= MESSAGE_LIMIT + MARKER
