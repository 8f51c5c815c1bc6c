"""What is done to many jobs at once: some at a time, so that no call holds the server up."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from pydantic_core import to_json

from jobqueue.job import JobState, moment
from jobqueue.store.call import Call, run_command, run_script
from jobqueue.store.keys import KEYS, QueueKeys
from jobqueue.store.script import script

BATCH = 100
"""How many jobs one call of a script takes."""

CHANGED = 50
"""How many jobs one call retries, removes or cancels: each of them is looked at from all sides."""

EXAMPLES = 3
"""How many of the latest ids are read of each group of failed jobs."""


class ErrorGroup(NamedTuple):
    """The failed jobs of one queue that have one fingerprint and one task.

    Attributes:
        queue: the queue.
        fingerprint: what their errors have in common.
        task: the task.
        size: how many they are.
        first_at: when the first of them failed.
        last_at: when the last did.
        examples: some of their ids, the latest first.
    """

    queue: str
    fingerprint: str
    task: str
    size: int
    first_at: datetime
    last_at: datetime
    examples: tuple[str, ...]


class ErrorPage(NamedTuple):
    """Some of the groups of failed jobs.

    Attributes:
        groups: the groups.
        cursor: where the next page begins; empty if this is the last.
        failed: how many jobs have failed, in a group or not.
        grouped: how many of them are in a group. The others failed before there was an index.
    """

    groups: tuple[ErrorGroup, ...]
    cursor: str
    failed: int
    grouped: int


class Drained(NamedTuple):
    """The reply to ``drain``: how many jobs were deleted, and whether there may be more."""

    deleted: int
    more: bool


def errors(keys: QueueKeys, cursor: str = "", *, fingerprint: str = "", count: int = BATCH) -> Call[ErrorPage]:
    """Read groups of failed jobs.

    Args:
        keys: the queue.
        cursor: empty, or that of the page before.
        fingerprint: only groups of this one.
        count: how many groups.
    """
    first, last = (f"[{fingerprint}|", f"({fingerprint}}}") if fingerprint else ("-", "+")
    args = (cursor or first, last, EXAMPLES, count)
    return run_script(script("errors"), keys, args, lambda reply: _errors(keys.queue, reply))


def outcome(keys: QueueKeys, job_id: str) -> Call[bytes]:
    """Read the record of the execution that ended a job; empty if there is none."""
    return run_command("HGET", keys["outcomes"], job_id, read=lambda reply: reply or b"", repeatable=True)


def retry_many(keys: QueueKeys, state: JobState, ids: Sequence[str]) -> Call[int]:
    """Let some jobs run again that are failed or cancelled; the reply is how many were in that state."""
    return run_script(script("retry_many"), keys, (state.value,), int, rest=ids)


def remove_many(keys: QueueKeys, state: JobState, ids: Sequence[str]) -> Call[int]:
    """Delete some jobs of a state; the reply is how many were in it."""
    return run_script(script("remove_many"), keys, (state.value,), int, rest=ids)


def cancel_many(keys: QueueKeys, state: JobState, ids: Sequence[str], reason: str) -> Call[int]:
    """Call some jobs of a state off; the reply is how many were in it."""
    return run_script(script("cancel_many"), keys, (state.value, to_json(reason)), int, rest=ids)


def drain(keys: QueueKeys, *, delayed: bool) -> Call[Drained]:
    """Delete up to 100 jobs that wait, the next to run first.

    Args:
        keys: the queue.
        delayed: whether to delete delayed ones as well.
    """
    return run_script(script("drain"), keys, (int(delayed), BATCH), lambda reply: Drained(reply[0], bool(reply[1])))


def clean(keys: QueueKeys, state: JobState, before: int, keep: int) -> Call[int]:
    """Delete up to 100 jobs that have ended, the oldest first; the reply is how many, 0 when all is done.

    Args:
        keys: the queue.
        state: completed, failed or cancelled.
        before: only those that ended until then, in milliseconds of the server's clock.
        keep: how many of the latest stay.
    """
    return run_script(script("clean"), keys, (state.value, before, keep, BATCH), int)


def sever(keys: QueueKeys) -> Call[int]:
    """Tell up to 100 of those outside of a queue that its jobs are gone; the reply is how many, 0 when all are told."""
    return run_script(script("sever"), keys, (BATCH,), int)


def workers(keys: QueueKeys) -> Call[tuple[str, ...]]:
    """Read the ids of the workers that are registered."""
    return run_command("ZRANGE", keys["workers"], 0, -1, read=_ids, repeatable=True)


def tombstones(keys: QueueKeys) -> Call[tuple[str, ...]]:
    """Read the ids of the workers that are dead, and into whose inboxes the server may still move jobs."""
    return run_command("ZRANGE", keys["tombstones"], 0, -1, read=_ids, repeatable=True)


def unlink(keys: QueueKeys, workers: Sequence[str]) -> Call[None]:
    """Delete all keys of a queue at once. The server frees what they hold in the background.

    Args:
        keys: the queue.
        workers: whose inboxes there may be.
    """
    names = [keys[name] for name, (kind, _) in KEYS.items() if kind != "channel" and name != "inbox"]
    return run_command(
        "UNLINK", *names, *(keys.inbox(worker) for worker in workers), read=lambda _: None, repeatable=True
    )


def strike_off(registry: str, queue: str) -> Call[None]:
    """Take a queue out of the set of all queues."""
    return run_command("SREM", registry, queue, read=lambda _: None, repeatable=True)


def _ids(reply: Any) -> tuple[str, ...]:
    return tuple(worker.decode() for worker in reply)


def _errors(queue: str, reply: Any) -> ErrorPage:
    cursor, failed, grouped, *entries = reply
    groups = tuple(
        ErrorGroup(
            queue,
            fingerprint.decode(),
            task.decode(),
            count,
            moment(int(first)),
            moment(int(last)),
            tuple(ids.decode().split(" ")),
        )
        for fingerprint, task, count, first, last, ids in zip(*[iter(entries)] * 6, strict=True)
    )
    return ErrorPage(groups, cursor.decode(), failed, grouped)
