"""What happens in a worker, as values. The worker emits them; hooks, logs and metrics are told."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

from jobqueue.context import JobContext
from jobqueue.errors import InvalidOption, suggestion
from jobqueue.job import OutcomeKind
from jobqueue.outcome import Outcome


@dataclass(frozen=True, slots=True)
class JobStarted:
    """A job has begun."""

    job: JobContext


@dataclass(frozen=True, slots=True)
class JobEnded:
    """An execution is over, and its outcome has been written.

    Attributes:
        job: the job.
        outcome: how it ended.
        seconds: how long it took.
    """

    job: JobContext
    outcome: Outcome
    seconds: float


JobEvent = JobStarted | JobEnded
"""What a hook is told."""

STARTED = "started"

JobHook = Callable[[JobEvent], Awaitable[None] | None]
"""A function, plain or ``async``, that is told of jobs. What it raises is logged and changes nothing."""

LifeHook = Callable[[], Awaitable[None] | None]
"""A function, plain or ``async``, that runs when a worker process starts or stops."""


def check_kinds(kinds: Collection[str]) -> None:
    """Check the names of events.

    Raises:
        InvalidOption: there is none, or no such event.
    """
    if not kinds:
        raise InvalidOption('name the events: @jobs.on("completed", "failed")')
    known = (STARTED, *(kind.value for kind in OutcomeKind))
    for kind in kinds:
        if kind not in known:
            hint = suggestion(kind, known) or f" (there are {', '.join(known)})"
            raise InvalidOption(f"there is no event {kind!r}{hint}")


class Hooks:
    """The functions that an application wants to be called."""

    def __init__(self) -> None:
        self.startup: list[LifeHook] = []
        self.shutdown: list[LifeHook] = []
        self.job: dict[str, list[JobHook]] = {}
        """Those that are told of jobs, by what they are told of: ``"started"``, or how an execution ended."""

    def add(self, kinds: Collection[str], hook: JobHook) -> None:
        """Add a function that is told when jobs start, or end in one of some ways.

        Args:
            kinds: ``"started"``, or how an execution ended: ``"completed"``, ``"failed"``, ``"retried"`` ...
            hook: the function.

        Raises:
            InvalidOption: there is no such kind; then nothing is added.
        """
        check_kinds(kinds)
        for kind in kinds:
            self.job.setdefault(kind, []).append(hook)
