"""A job that this process is running."""

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta

from jobqueue.context import JobContext
from jobqueue.outcome import Outcome
from jobqueue.store.claims import Claimed
from jobqueue.worker.decide import Stop, Terms


class Running:
    """An execution under way: it ends once, by itself or because it is stopped.

    Attributes:
        claimed: the job as the store gave it.
        context: the job as its code sees it.
        terms: what holds for this execution.
        stopped: why it was told to stop, if it was.
        ended: whether it is over, as far as the queue is concerned.
        ran: for how many seconds it has run, when it is over.
        waited: for how many seconds the job has waited; None if that is not known, or this is not its first execution.
        execution: what runs it on the event loop, if anything does.
    """

    __slots__ = (
        "_begun",
        "_halt",
        "_on_end",
        "_started",
        "_timer",
        "claimed",
        "context",
        "ended",
        "execution",
        "ran",
        "stopped",
        "terms",
        "waited",
    )

    def __init__(
        self, claimed: Claimed, context: JobContext, terms: Terms, on_end: Callable[["Running", Outcome], None]
    ) -> None:
        self.claimed = claimed
        self.context = context
        self.terms = terms
        self.stopped: Stop | None = None
        self.ended = False
        self.waited: float | None = None
        self.execution: asyncio.Task[None] | None = None
        self._on_end = on_end
        self._begun = False
        self._halt: Halt | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._started = time.monotonic()
        self.ran = 0.0

    @property
    def seconds(self) -> float:
        """How long it has been running, or has run."""
        return self.ran if self.ended else time.monotonic() - self._started

    @property
    def overdue(self) -> float:
        """For how many seconds it has overrun its timeout; not more than 0 if it has not."""
        return self.seconds - self.terms.timeout if self.terms.timeout and self._begun else 0.0

    def hold(self, withdraw: "Halt | None") -> None:
        """Say what becomes of it if it is told to stop before it has begun.

        Args:
            withdraw: ends it; None to let it begin, and stop then.
        """
        self._halt = withdraw

    def begin(self, halt: "Halt") -> None:
        """Start the clock.

        Args:
            halt: makes the code stop, as far as that is possible where it runs.
        """
        if self.context.deadline is not None:
            # It was reckoned from the claim, and the job may have waited for company since.
            self.context.deadline += timedelta(seconds=self.seconds)
        self._begun = True
        self._started = time.monotonic()
        self._halt = halt
        if self.stopped is not None:
            halt(self, self.stopped)
        elif self.terms.timeout is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self.terms.timeout, self.stop, Stop.TIMEOUT)

    def stop(self, why: Stop) -> None:
        """Tell the code to stop. The first reason is the one that counts."""
        if self.ended or self.stopped is not None:
            return
        self.stopped = why
        if why is not Stop.SHUTDOWN:
            # A function that returns because it was cancelled has completed. At a shutdown it is to run again instead.
            self.context.stop()
        if self._halt is not None:
            self._halt(self, why)

    def end(self, outcome: Outcome) -> None:
        """Say how it ended. What comes second, from code that went on after it was given up, is ignored."""
        if self.ended:
            return
        self.ended = True
        self.ran = time.monotonic() - self._started
        if self._timer is not None:
            self._timer.cancel()
        self._on_end(self, outcome)


Halt = Callable[[Running, Stop], None]
"""Makes an execution stop, or end before it has begun."""
