"""The keys of a queue: every one of them, with its type and what it holds.

All keys of a queue carry the same hash tag, ``{prefix:queue}``, so that they lie on one node of a Cluster and a script
may use any of them together.
"""

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

KEYS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        # Columns: an attribute of every job that has one, by job id.
        "jobs": ("hash", "id -> specification, as it was when the job was enqueued"),
        "active": ("hash", "id -> token, start and worker of the execution under way"),
        "attempts": ("hash", "id -> counters and records of executions that did not end the job"),
        "outcomes": ("hash", "id -> record of the execution that ended the job"),
        "progress": ("hash", "id -> what the job said of its progress"),
        "logs": ("hash", "id -> the lines the job has logged"),
        "parked": ("hash", "id -> what a worker must know to run the job, and why it waits"),
        "cancelling": ("hash", "id -> why the active job was asked to stop"),
        # States: the structure that holds an id is its state.
        "wait": ("list", "ids that may start now; taken from the right, added on the left"),
        "paused": ("list", "what wait is called while the queue is paused"),
        "ghosts": ("set", "ids that lie in wait but were cancelled or removed"),
        "delayed": ("zset", "ids by the time they are due"),
        "parking": ("zset", "parked ids, in the order of what they wait for"),
        "completed": ("zset", "ids by the time they ended"),
        "failed": ("zset", "ids by the time they ended"),
        "cancelled": ("zset", "ids by the time they ended"),
        "expiring": ("zset", "completed ids that are kept for a shorter time than others, by its end"),
        # Workers.
        "workers": ("zset", "worker ids by the end of their lease; -1 while they are being reaped"),
        "worker_info": ("hash", "worker id -> host, process, what it does"),
        "tombstones": ("zset", "worker ids that are dead, by the time they were reaped"),
        "claims": ("hash", "worker id -> its last request and what it was answered"),
        "inbox": ("list", "one per worker: ids that BLMOVE has handed to it"),
        # The rest.
        "meta": ("hash", "paused: the queue is paused; token: the last one given"),
        "waiters": ("set", "ids whose end somebody waits for"),
        "control": ("channel", "promote; cancel <id>"),
        "finished": ("channel", "finished:<id>: how the job ended"),
    }
)


class QueueKeys:
    """The names of the keys of one queue."""

    def __init__(self, prefix: str, queue: str) -> None:
        self.prefix = prefix
        self.queue = queue
        self.tag = f"{{{prefix}:{queue}}}"
        self._names = {name: f"{self.tag}:{name}" for name in KEYS}

    def __getitem__(self, name: str) -> str:
        return self._names[name]

    def inbox(self, worker: str) -> str:
        """Return the key of a worker's inbox."""
        return f"{self.tag}:inbox:{worker}"

    def finished(self, job_id: str) -> str:
        """Return the channel on which the end of a job is told to those who wait for it."""
        return f"{self.tag}:finished:{job_id}"


@lru_cache(maxsize=1024)
def queue_keys(prefix: str, queue: str) -> QueueKeys:
    """Return the keys of a queue."""
    return QueueKeys(prefix, queue)


def registry(prefix: str) -> str:
    """Return the key of the set of all queues that were ever used under a prefix."""
    return f"{prefix}:queues"
