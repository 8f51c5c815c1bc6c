"""What operators do to queues."""

import math

from jobqueue.store.call import Call, run_script
from jobqueue.store.keys import QueueKeys
from jobqueue.store.script import script


def pause(keys: QueueKeys) -> Call[bool]:
    """Keep the jobs of a queue from starting; the reply is whether it was running before."""
    return run_script(script("pause"), keys, (), bool)


def resume(keys: QueueKeys) -> Call[bool]:
    """Let the jobs of a queue start again; the reply is whether it was paused before."""
    return run_script(script("resume"), keys, (), bool)


def keep_events(keys: QueueKeys, seconds: float) -> Call[bool]:
    """Have a queue keep events.

    Args:
        keys: the queue.
        seconds: for how long at least: one who follows says so again in time. 0 for not any more, infinity for ever.
    """
    return run_script(script("keep_events"), keys, (-1 if math.isinf(seconds) else round(seconds * 1000),), bool)
