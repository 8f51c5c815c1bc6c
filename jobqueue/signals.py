"""What a job raises to say how it ended, where a return value cannot.

A signal is not an error: it derives from ``BaseException``, so that an ``except Exception`` in a task does not eat it.
"""

from datetime import timedelta

from jobqueue.durations import seconds


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
