"""What an execution that is over means for its job: one pure function."""

import traceback
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import NamedTuple

from jobqueue.errors import JobTimeout
from jobqueue.job import Counts
from jobqueue.outcome import (
    Blocked,
    Cancelled,
    Completed,
    ErrorText,
    Failed,
    Interrupted,
    Limited,
    Outcome,
    Retried,
    Snoozed,
)
from jobqueue.retry import Retry
from jobqueue.signals import Cancel, RateLimited, RetryAfter, Signal, Snooze
from jobqueue.signature import UnwritableResult

MESSAGE_LIMIT = 2 * 1024
"""Characters that are kept of an exception's message."""

TRACEBACK_LIMIT = 8 * 1024
"""Characters that are kept of a traceback: its beginning and its end."""

_OURS = ("jobqueue.worker.", "jobqueue.middleware")


class Stop(StrEnum):
    """Why the worker stopped a job."""

    CANCELLED = "cancelled"
    TIMEOUT = "timeout"
    SHUTDOWN = "shutdown"
    LEASE_LOST = "lease lost"


@dataclass(frozen=True, slots=True)
class Returned:
    """The function returned; its result as JSON."""

    result: bytes


@dataclass(frozen=True, slots=True)
class Raised:
    """The function raised."""

    error: BaseException


class Terms(NamedTuple):
    """What holds for an execution.

    Attributes:
        counts: how often the job was run before.
        retry: its retry policy.
        timeout: seconds it may take.
        result_ttl: seconds it is kept when it has completed, where that differs from the queue's retention.
        task: the name under which the job was enqueued.
        key: its key.
    """

    counts: Counts
    retry: Retry
    timeout: float | None
    result_ttl: float | None
    task: str = ""
    key: str | None = None


class Waiting(Signal):
    """What becomes of ``WaitFor`` when its jobs have been enqueued.

    Args:
        edges: what is waited for, as ``Blocked`` has it.
    """

    def __init__(self, edges: str) -> None:
        super().__init__(edges)
        self.edges = edges


def decide(ended: Returned | Raised, terms: Terms, stop: Stop | None = None) -> Outcome:
    """Return the outcome of an execution.

    Args:
        ended: what the function did.
        terms: what holds for the execution.
        stop: why the worker stopped it, if it did.
    """
    if isinstance(ended, Returned):
        # Even if it was asked to stop meanwhile: it has done its work.
        return Completed(ended.result, terms.result_ttl)
    error = signal_within(ended.error) or ended.error
    match error:
        case Snooze(delay=delay):
            return Snoozed(delay)
        case RateLimited(retry_after=delay):
            return Limited(_gate(error, terms), delay)
        case Waiting(edges=edges):
            return Blocked(edges)
        case Cancel(reason=reason):
            return Cancelled("" if reason is None else plain(reason, MESSAGE_LIMIT))
        case RetryAfter(delay=delay):
            return _failure(error, terms, delay)
    match stop:
        case Stop.CANCELLED:
            return Cancelled("")
        case Stop.SHUTDOWN | Stop.LEASE_LOST:
            return Interrupted("the worker shut down")
        case Stop.TIMEOUT:
            timeout = JobTimeout(f"the job took longer than its timeout of {terms.timeout:g} s")
            return _failure(timeout.with_traceback(error.__traceback__), terms)
    return _failure(error, terms)


def error_text(error: BaseException) -> ErrorText:
    """Return an exception as text, of bounded length, without the frames of the worker itself."""
    kind = type(error)
    known = kind.__module__ == "builtins" or kind.__module__.startswith("jobqueue.")
    name = kind.__qualname__ if known else f"{kind.__module__}.{kind.__qualname__}"
    return ErrorText(name, plain(error, MESSAGE_LIMIT), _traceback(error))


def _gate(signal: RateLimited, terms: Terms) -> str:
    """Return what rests when a job has been told to slow down."""
    hold = signal.hold or ("key" if terms.key is not None else "queue")
    if hold == "task":
        return f"task:{terms.task}"
    return f"key:{terms.key}" if hold == "key" and terms.key is not None else "queue"


def _failure(error: BaseException, terms: Terms, delay: float | None = None) -> Outcome:
    failures = terms.counts.failures + 1
    retry = terms.retry
    if isinstance(error, RetryAfter):
        again = failures < retry.attempts
    else:
        again = not isinstance(error, UnwritableResult) and retry.allows(failures, error)
        if not isinstance(error, Exception) and not isinstance(error, retry.never):
            # SystemExit, or a stray CancelledError, is not meant for us: if it is not named, a failure like others.
            again = again or retry.allows(failures, Exception(error))
    if not again:
        return Failed(error_text(error))
    if delay is None:
        try:
            delay = retry.delay(failures, error)
        except Exception as broken:  # a user's backoff function may raise anything; the job is what matters
            text = error_text(broken)
            error.add_note(f"the backoff function failed: {text.type}: {text.message}")
            delay = Retry().delay(failures, error)
    return Retried(error_text(error), delay)


def signal_within(error: BaseException) -> Signal | None:
    """Return the signal that a task group has wrapped into an exception group, if it is that."""
    if isinstance(error, Signal):
        return error
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            if found := signal_within(inner):
                return found
    return None


def _traceback(error: BaseException) -> str:
    try:
        text = "".join(traceback.format_exception(type(error), error, _users_frames(error)))
    except BaseException:  # formatting calls the exception's own methods; without a traceback the job is settled too
        return ""
    return plain(text, TRACEBACK_LIMIT)


def _users_frames(error: BaseException) -> TracebackType | None:
    frame = error.__traceback__
    while frame is not None and frame.tb_frame.f_globals.get("__name__", "").startswith(_OURS):
        frame = frame.tb_next
    return frame


def plain(value: object, limit: int) -> str:
    """Return the text of anything, of bounded length, and such that it can be written as JSON."""
    try:
        text = str(value)
    except BaseException as broken:  # a user's __str__ may raise anything, and the job must be settled all the same
        text = f"(its message cannot be read: {type(broken).__name__})"
    # The name of a file, for one, may hold bytes that are no text.
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n... {len(text) - limit:,} characters left out ...\n{text[-half:]}"
