"""What a job raises to say how it ended, where a return value cannot.

A signal is not an error: it derives from ``BaseException``, so that an ``except Exception`` in a task does not eat it.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Literal, Protocol

from jobqueue.durations import seconds
from jobqueue.errors import InvalidOption

Hold = Literal["key", "task", "queue"]
"""What rests when a job says that it is being limited."""


class Signal(BaseException):
    """The root of the signals."""


class Snooze(Signal):
    """Run this job again later, without charging an attempt.

    Args:
        delay: how long to wait, in seconds or as a ``timedelta``.

    Raises:
        InvalidOption: the delay is negative or not a duration.
    """

    def __init__(self, delay: float | timedelta) -> None:
        self.delay = seconds(delay, "the delay of Snooze")
        # The argument rather than the text: a signal is rebuilt from it when it leaves a process pool.
        super().__init__(self.delay)

    def __str__(self) -> str:
        return f"snooze for {self.delay:g} s"


class RetryAfter(Signal):
    """Count this attempt as failed, and make the next one after this delay instead of the policy's.

    Args:
        delay: how long to wait, in seconds or as a ``timedelta``.
        reason: what went wrong, kept in the history of attempts.

    Raises:
        InvalidOption: the delay is negative or not a duration.
    """

    def __init__(self, delay: float | timedelta, reason: str = "") -> None:
        self.delay = seconds(delay, "the delay of RetryAfter")
        self.reason = reason
        super().__init__(self.delay, reason)

    def __str__(self) -> str:
        return str(self.reason or f"retry after {self.delay:g} s")


class Cancel(Signal):
    """End this job as cancelled: it is neither a success nor a failure, and is not tried again.

    Args:
        reason: why, for those who look at the job later.
    """

    def __init__(self, reason: str = "") -> None:
        self.reason = reason
        super().__init__(reason)


class RateLimited(Signal):
    """The other side says: slow down. Rest for a while, and run this job again then; no attempt is charged.

    Args:
        retry_after: how long, in seconds or as a ``timedelta``.
        hold: what rests: the jobs of this one's ``"key"`` (the queue, if it has none), of its ``"task"``, or of the
            whole ``"queue"``. If it is left out: the key, if the job has one, else the queue.

    Raises:
        InvalidOption: the time is not more than 0, or no duration, or there is no such thing to hold.
    """

    def __init__(self, retry_after: float | timedelta, hold: Hold | None = None) -> None:
        self.retry_after = seconds(retry_after, "the time of RateLimited")
        if not self.retry_after:
            raise InvalidOption("the time of RateLimited must be more than 0 seconds")
        if hold not in (None, "key", "task", "queue"):
            raise InvalidOption(f"hold= of RateLimited must be 'key', 'task' or 'queue', not {hold!r}")
        self.hold = hold
        super().__init__(self.retry_after, hold)

    def __str__(self) -> str:
        return f"rate limited for {self.retry_after:g} s"


class Waitable(Protocol):
    """A job that can be waited for: a draft that is to be enqueued, or a handle; both know their queue."""

    @property
    def queue(self) -> str | None:
        """The name of its queue."""
        ...


class WaitFor(Signal):
    """Wait for other jobs without holding a slot, and run this job again, from its beginning, when they have ended.

    Drafts are enqueued first, with ids that are made from the id of this job, so that they are enqueued once even if
    the worker dies in between. In its next execution, ``current_job().dependencies()`` has how they ended.

    Args:
        jobs: drafts of new jobs, handles, or both.
        on_failure: what becomes of this job if one of them does not complete: ``"fail"``, ``"run"``, ``"ignore"`` or
            ``"cancel"``; see ``jobqueue.dependencies.OnFailure``.

    Raises:
        InvalidOption: there is none, or no such policy.
    """

    def __init__(
        self, jobs: Iterable[Waitable], on_failure: Literal["fail", "run", "ignore", "cancel"] = "fail"
    ) -> None:
        self.jobs = tuple(jobs)
        if not self.jobs:
            raise InvalidOption("WaitFor([]): there is nothing to wait for")
        if on_failure not in ("fail", "run", "ignore", "cancel"):
            raise InvalidOption(f"on_failure must be 'fail', 'run', 'ignore' or 'cancel', not {on_failure!r}")
        self.on_failure = on_failure
        super().__init__(self.jobs, on_failure)

    def __str__(self) -> str:
        return f"wait for {len(self.jobs)} jobs"
