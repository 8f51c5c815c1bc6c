"""Whether queues are served: what probes and alerts ask."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from jobqueue.durations import format_duration
from jobqueue.job import JobState
from jobqueue.store.inspect import QueueInfo

Check = Literal["workers", "wait", "here"]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it should be.

    Attributes:
        queue: the queue; empty if it is not about one.
        check: what was looked at: ``"workers"``, ``"wait"`` or ``"here"``.
        message: what is wrong.
    """

    queue: str
    check: Check
    message: str


@dataclass(frozen=True, slots=True)
class Health:
    """How an application's queues are served.

    Attributes:
        problems: what is wrong; nothing if all is well.
        queues: the queues that were looked at.
    """

    problems: tuple[Problem, ...]
    queues: tuple[QueueInfo, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def judge(
    queues: Iterable[QueueInfo], *, named: bool, min_workers: int, max_wait: float | None, host: str | None
) -> Health:
    """Find out what is wrong.

    Args:
        queues: how the queues stand.
        named: whether they were asked for; else one that nobody serves is a problem only if jobs wait in it.
        min_workers: how many workers each queue must have; those that were told to take no more jobs do not count.
        max_wait: seconds that the job may have waited that runs next; None for any time.
        host: where a worker must be alive; None for anywhere.
    """
    found, looked_at = list[Problem](), tuple(queues)
    for queue in looked_at:
        waiting = queue.counts[JobState.WAITING]
        count = sum(not worker.order for worker in queue.workers)
        told = len(queue.workers) - count
        if count < min_workers and (named or waiting):
            has = "no worker" if not count else f"{count} worker{'s' if count > 1 else ''}"
            if told:
                has += f" ({told} {'were' if told > 1 else 'was'} told to take no more jobs)"
            found.append(
                Problem(
                    queue.name,
                    "workers",
                    f"queue {queue.name} has {has}, and {waiting} job{'s wait' if waiting != 1 else ' waits'}",
                )
            )
        if max_wait is not None and queue.oldest_age is not None and queue.oldest_age > max_wait and not queue.paused:
            age, most = format_duration(queue.oldest_age), format_duration(max_wait)
            found.append(
                Problem(
                    queue.name, "wait", f"the next job of queue {queue.name} has waited for {age}, more than {most}"
                )
            )
    if host is not None and not any(worker.host == host for queue in looked_at for worker in queue.workers):
        found.append(Problem("", "here", f"no worker of host {host} is alive"))
    return Health(tuple(found), looked_at)
