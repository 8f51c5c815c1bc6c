"""What operators do to queues."""

from jobqueue.store.call import Call, run_script
from jobqueue.store.keys import QueueKeys
from jobqueue.store.script import script


def pause(keys: QueueKeys) -> Call[bool]:
    """Keep the jobs of a queue from starting; the reply is whether it was running before."""
    return run_script(script("pause"), keys, (), bool)


def resume(keys: QueueKeys) -> Call[bool]:
    """Let the jobs of a queue start again; the reply is whether it was paused before."""
    return run_script(script("resume"), keys, (), bool)
