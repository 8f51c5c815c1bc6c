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
        "notes": ("hash", "id -> what has happened to the job that is recorded nowhere else"),
        "logs": ("hash", "id -> the lines the job has logged"),
        "parked": ("hash", "id -> what a worker must know to run the job, and why it waits"),
        "cancelling": ("hash", "id -> why the active job was asked to stop"),
        "traits": ("hash", "id -> priority and key, of jobs that have one"),
        "places": ("hash", "id -> lane and rank in the backlog; of an active job, the lane it came from"),
        "owning": ("hash", "id -> mode and deduplication key"),
        "aggregates": ("hash", "id -> bytes after the items that the job gathers, how many they are, since when"),
        "blocking": ("hash", "id -> how many jobs it waits for, how many have failed it, and when it is due then"),
        "inputs": ("hash", "id|queue/id -> how a job ended that it waited for"),
        # States: the structure that holds an id is its state.
        "wait": ("list", "ids that may start now; taken from the right, added on the left"),
        "held": ("list", "what wait is called while the queue is paused or limited"),
        "ghosts": ("set", "ids that lie in wait but were cancelled or removed"),
        "backlog": ("zset", "waiting ids that have a priority, a key, or a task with a limit: lane|rank|id"),
        "delayed": ("zset", "ids by the time they are due"),
        "blocked": ("zset", "ids of jobs that wait for others, by the time since when"),
        "parking": ("zset", "parked ids, in the order of what they wait for"),
        "completed": ("zset", "ids by the time they ended"),
        "failed": ("zset", "ids by the time they ended"),
        "cancelled": ("zset", "ids by the time they ended"),
        "fingerprints": ("zset", "fingerprint|task|time|id of the failed jobs"),
        "expiring": ("zset", "completed ids that are kept for a shorter time than others, by its end"),
        "deadlines": ("zset", "ids by the time until which they must have started"),
        "keyed": ("zset", "key|id of the jobs of a key that have not ended"),
        # Rules.
        "limits": ("hash", "limit and gate -> its value; with = as declared in code, with ! if it was set since"),
        "tasks": ("set", "names of tasks that have a gate of their own"),
        "ring": ("zset", "lanes that take turns, by their pass"),
        "turns": ("zset", "lanes that are empty but have had their turn, by their pass"),
        "closed": ("hash", "lane -> the gate that keeps it out of the ring, and its pass"),
        "gated": ("zset", "gate|pass|lane of lanes that wait for a gate"),
        "resting": ("zset", "gates by the time at which they may be open"),
        "slots": ("zset", "gate|id of active jobs that have a key, or a task with a limit"),
        "pace": ("zset", "gates by the time in microseconds until which their rate is used up"),
        "dedup": (
            "hash",
            "deduplication key -> owner, mode, until when, and who comes next; =id -> what has absorbed a job",
        ),
        "throttled": ("zset", "deduplication keys by the time until which they are kept"),
        # Between jobs.
        "edges": ("zset", "id|queue/id|policy|number: what a job waits for, in their order"),
        "dependents": ("zset", "id|queue/id|policy: what waits for a job"),
        "outbox": ("list", "what has happened to jobs and is to be told to those that depend on them"),
        "outgoing": ("hash", "what is to be told to jobs of other queues"),
        "staging": ("zset", "flow|id of jobs of flows that are being added in parts"),
        "stagings": ("zset", "such flows by the time until which they must be complete"),
        # Schedules.
        "schedules": ("hash", "schedule -> what it starts, and when"),
        "firings": ("hash", "schedule -> state, source, revision, revision of its times, slots fired, done up to"),
        "fired": ("hash", "schedule -> what became of its latest slots"),
        "outstanding": ("hash", "schedule -> its latest jobs, of which some may not have ended"),
        "upcoming": ("zset", "active schedules by the time of their next slot"),
        "declaring": ("hash", "worker id -> the schedules that its code declares, with their revisions"),
        # Workers.
        "workers": ("zset", "worker ids by the end of their lease; -1 while they are being reaped"),
        "worker_info": ("hash", "worker id -> host, process, what it does"),
        "tombstones": ("zset", "worker ids that are dead, by the time they were reaped"),
        "orders": ("hash", "worker id -> what it is told to do: quiet, stop, restart"),
        "claims": ("hash", "worker id -> its last request and what it was answered; token: the last given"),
        "inbox": ("list", "one per worker: ids that BLMOVE has handed to it"),
        # The rest.
        "stats": ("hash", "minute|task -> how many executions ended how, and how long they waited and ran"),
        "minutes": ("zset", "the fields of stats by their minute; negative for those of workers that have reported"),
        "events": ("stream", "what has happened to jobs while the queue keeps events; some two thousand entries"),
        "meta": (
            "hash",
            "paused, limited: of the line; sequence, turn, plain: the order; events: until when they are kept",
        ),
        "waiters": ("set", "ids whose end somebody waits for"),
        "control": ("channel", "promote; relay; schedule; order; cancel <id>"),
        "finished": ("channel", "finished:<id>: how the job ended"),
    }
)


class QueueKeys:
    """The names of the keys of one queue."""

    def __init__(self, prefix: str, queue: str) -> None:
        self.prefix = prefix
        self.queue = queue
        self.tag = f"{{{prefix}:{queue}}}"
        self.place = f"{prefix}:{queue}"
        """What signatures and ciphertexts of this queue are bound to."""
        self._names = {name: f"{self.tag}:{name}" for name in KEYS}
        self._tuples: dict[tuple[str, ...], tuple[str, ...]] = {}

    def __getitem__(self, name: str) -> str:
        return self._names[name]

    def named(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Return the names of several keys, as a script takes them."""
        found = self._tuples.get(names)
        if found is None:
            found = self._tuples[names] = tuple(self._names[name] for name in names)
        return found

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
