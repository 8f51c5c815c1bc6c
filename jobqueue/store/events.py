"""What has happened to jobs, as it is written down while a queue keeps events.

An entry of the stream is all that one call of a script has done: fields are named by what has happened, and have
the ids to which it has, separated by spaces. A field ``worker`` comes first if a worker has made the call.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from jobqueue.job import moment
from jobqueue.store.call import Argument, Call, run_command
from jobqueue.store.keys import QueueKeys

PAGE = 200
"""How many entries are read at once."""


class EventType(StrEnum):
    """What has happened. How executions ended is called as it is in the history of a job."""

    ENQUEUED = "enqueued"
    """It was enqueued."""
    WAITING = "waiting"
    """It may start now: it was due, what it waited for has ended, there is a worker that may know it."""
    DELAYED = "delayed"
    """What it waited for has ended, and it is due later."""
    STARTED = "started"
    """A worker has begun to run it."""
    COMPLETED = "completed"
    """It has completed."""
    FAILED = "failed"
    """It has failed."""
    CANCELLED = "cancelled"
    """It was cancelled."""
    RETRIED = "retried"
    """It raised, and is tried again."""
    SNOOZED = "snoozed"
    """It asked to be run later."""
    INTERRUPTED = "interrupted"
    """Its worker has shut down and handed it back."""
    LOST = "lost"
    """Its worker has died."""
    PARKED = "parked"
    """Its worker could not run it."""
    LIMITED = "limited"
    """It was told to slow down."""
    BLOCKED = "blocked"
    """It waits for jobs that it has enqueued."""
    EXPIRED = "expired"
    """It did not start in time, and is cancelled."""
    CANCELLING = "cancelling"
    """It runs, and was asked to stop."""
    REVIVED = "revived"
    """It had ended, and is to run again."""
    REMOVED = "removed"
    """It was removed."""
    PAUSED = "paused"
    """The queue was paused."""
    RESUMED = "resumed"
    """The queue was resumed."""


_BY_WORKERS = frozenset(
    {
        EventType.STARTED,
        EventType.COMPLETED,
        EventType.RETRIED,
        EventType.SNOOZED,
        EventType.INTERRUPTED,
        EventType.LOST,
        EventType.PARKED,
        EventType.LIMITED,
        EventType.BLOCKED,
    }
)
"""What only the worker of a job does to it. The other things may happen while a worker settles another job."""


@dataclass(frozen=True, slots=True)
class QueueEvent:
    """Something that has happened to a job, or to a queue.

    Attributes:
        at: when, by the server's clock.
        type: what.
        queue: the queue.
        job_id: the job; None if it has happened to the queue.
        worker: the worker that runs it, or ran it, where the event says so.
    """

    at: datetime
    type: EventType
    queue: str
    job_id: str | None
    worker: str | None


def latest_events(keys: QueueKeys, before: str = "") -> Call[list[tuple[str, list[QueueEvent]]]]:
    """Read a page of what has happened: the id of each entry, the latest first, with its events.

    Args:
        keys: the queue.
        before: the id of an entry; those before it are read.
    """
    last = f"({before}" if before else "+"
    words = ("XREVRANGE", keys["events"], last, "-", "COUNT", PAGE)
    return run_command(*words, read=lambda reply: _entries(keys.queue, reply), repeatable=True)


def gather_events(
    queues: Sequence[QueueKeys], types: frozenset[EventType], limit: int
) -> Generator[list[Call[Any]], list[Any], list[QueueEvent]]:
    """Read the latest events that are kept, the oldest first: a generator of calls, for ``Connections.follow``.

    Args:
        queues: the queues.
        types: only these.
        limit: how many at most.
    """
    found: dict[str, list[QueueEvent]] = {keys.queue: [] for keys in queues}
    left = [(keys, "") for keys in queues]
    while left:
        pages = yield [latest_events(*page) for page in left]
        following = []
        for (keys, _), page in zip(left, pages, strict=True):
            for _, events in page:
                found[keys.queue] += [event for event in reversed(events) if event.type in types]
            if len(page) == PAGE and len(found[keys.queue]) < limit:
                following.append((keys, page[-1][0]))
        left = following
    latest = sorted((event for events in found.values() for event in reversed(events)), key=lambda event: event.at)
    return latest[-limit:]


def last_event(keys: QueueKeys) -> Call[str]:
    """Read the id of the latest entry."""

    def read(reply: Any) -> str:
        return reply[0][0].decode() if reply else "0-0"

    return run_command("XREVRANGE", keys["events"], "+", "-", "COUNT", 1, read=read, repeatable=True)


class Positions:
    """How far the events of some queues have been read."""

    def __init__(self) -> None:
        self._queues: dict[str, QueueKeys] = {}
        self._read: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._queues)

    def add(self, keys: QueueKeys, last: str) -> None:
        """Follow one more queue, from an entry on."""
        self._queues[keys["events"]] = keys
        self._read[keys["events"]] = last

    def command(self, wait: float) -> Sequence[Argument]:
        """Return the command that reads on, and waits some seconds if there is nothing."""
        milliseconds = max(1, round(wait * 1000))  # 0 would be for ever
        return ("XREAD", "COUNT", PAGE, "BLOCK", milliseconds, "STREAMS", *self._read, *self._read.values())

    def read(self, reply: Any) -> list[QueueEvent]:
        """Return the events in a reply, in the order of their time."""
        found: list[QueueEvent] = []
        for name, entries in reply or ():
            keys = self._queues[name.decode()]
            for entry_id, events in _entries(keys.queue, entries):
                self._read[keys["events"]] = entry_id
                found += events
        return sorted(found, key=lambda event: event.at)


def _entries(queue: str, reply: Any) -> list[tuple[str, list[QueueEvent]]]:
    return [(entry_id.decode(), _events(queue, entry_id, fields)) for entry_id, fields in reply]


def _events(queue: str, entry_id: bytes, fields: Mapping[bytes, bytes]) -> list[QueueEvent]:
    at = moment(int(entry_id.partition(b"-")[0]))
    worker = fields[b"worker"].decode() if b"worker" in fields else None
    found = []
    for name, value in fields.items():
        if (word := name.decode()) in _TYPES:
            kind = EventType(word)
            by = worker if kind in _BY_WORKERS else None
            found += [QueueEvent(at, kind, queue, job_id or None, by) for job_id in value.decode().split(" ")]
    return found


_TYPES = frozenset(EventType)
