"""What producers and operators do to jobs: add, cancel, remove, retry, wait for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

from pydantic_core import to_json

from jobqueue.job import Execution, JobState
from jobqueue.store.call import Call, run_script
from jobqueue.store.keys import QueueKeys
from jobqueue.store.script import script

CHUNK = 500
"""How many jobs one call of ``add`` takes at most: a script holds up everyone else while it runs."""


class NewJob(NamedTuple):
    """A job that is to be added.

    Attributes:
        id: its id.
        specification: the text of ``specification_text``.
        due: when it may start: None for now, seconds from now, or a time.
    """

    id: str
    specification: bytes
    due: float | datetime | None = None


@dataclass(frozen=True, slots=True)
class Watched:
    """What is known of a job that somebody waits for."""

    known: Literal["ended", "pending", "missing"]
    ending: Execution | None


def add(keys: QueueKeys, jobs: Sequence[NewJob]) -> Call[frozenset[str]]:
    """Add jobs; the reply is the ids that existed before, which are left alone."""
    if len(jobs) > CHUNK:
        raise ValueError(f"add() takes {CHUNK} jobs at most, not {len(jobs)}")
    rest: list[str | bytes] = []
    for job in jobs:
        rest += (job.id, job.specification, _due(job.due))
    return run_script(script("add"), keys, (), _texts, rest=rest)


def cancel(keys: QueueKeys, job_id: str, reason: str) -> Call[JobState | None]:
    """Call a job off; the reply is the state it was found in, None if there is no such job."""
    return run_script(script("cancel"), keys, (job_id, to_json(reason)), _state)


def remove(keys: QueueKeys, job_id: str) -> Call[JobState | None]:
    """Delete a job that is not active; the reply is the state it was found in, None if there is no such job."""
    return run_script(script("remove"), keys, (job_id,), _state)


def retry(keys: QueueKeys, job_id: str) -> Call[JobState | None]:
    """Let a failed or cancelled job run again; the reply is the state it was found in, None if there is no such job."""
    return run_script(script("retry"), keys, (job_id,), _state)


def watch(keys: QueueKeys, job_id: str) -> Call[Watched]:
    """Ask to be told on the channel ``keys.finished(job_id)`` when a job ends, unless it has ended."""
    return run_script(script("watch"), keys, (job_id,), _watched)


def _due(due: float | datetime | None) -> str:
    if due is None:
        return ""
    if isinstance(due, datetime):
        return str(round(due.timestamp() * 1000))
    return f"+{round(due * 1000)}"


def _texts(reply: Any) -> frozenset[str]:
    return frozenset(text.decode() for text in reply)


def _state(reply: Any) -> JobState | None:
    return None if reply == b"missing" else JobState(reply.decode())


def _watched(reply: Any) -> Watched:
    known, ending = reply
    return Watched(known.decode(), Execution.parse(ending) if ending else None)
