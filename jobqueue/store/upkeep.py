"""What workers do for a queue besides running its jobs: promote what is due, prune what is old."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from jobqueue.job import JobState
from jobqueue.retention import Keep, Retention
from jobqueue.store.call import Call, run_script
from jobqueue.store.keys import QueueKeys
from jobqueue.store.script import script

BATCH = 100
"""How many jobs one call of a script moves or deletes."""


class Promoted(NamedTuple):
    """The reply to ``promote``.

    Attributes:
        promoted: how many jobs may start now.
        next_due: seconds until the next one is due; None if there is none.
    """

    promoted: int
    next_due: float | None


def promote(keys: QueueKeys) -> Call[Promoted]:
    """Let delayed jobs start whose time has come."""
    return run_script(script("promote"), keys, (BATCH,), _promoted)


def prune(keys: QueueKeys, retention: Retention) -> Call[bool]:
    """Delete ended jobs beyond their retention; the reply is whether there may be more to delete."""
    kept: Sequence[tuple[JobState, Keep]] = (
        (JobState.COMPLETED, retention.completed),
        (JobState.FAILED, retention.failed),
        (JobState.CANCELLED, retention.cancelled),
    )
    rest = [value for state, keep in kept for value in (state.value, round(keep.age * 1000), keep.count)]
    return run_script(script("prune"), keys, (BATCH,), lambda reply: bool(reply == BATCH), rest=rest)


def _promoted(reply: Any) -> Promoted:
    count, milliseconds = reply
    return Promoted(count, None if milliseconds < 0 else milliseconds / 1000)
