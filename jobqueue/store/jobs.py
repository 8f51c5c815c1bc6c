"""What producers and operators do to jobs: add, cancel, remove, retry, wait for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple

from pydantic_core import to_json

from jobqueue.errors import UnknownDependency, UnreadableResult
from jobqueue.job import Execution, JobState
from jobqueue.steering import Steering, moment_text
from jobqueue.store.call import Call, run_command, run_script
from jobqueue.store.keys import QueueKeys
from jobqueue.store.script import script

CHUNK = 500
"""How many jobs one call takes at most: a script holds up everyone else while it runs."""

FLOW_PATIENCE = 3600.0
"""Seconds after which a flow is given up whose producer has added parts of it and not completed it."""

PART_PATIENCE = 7 * 86_400.0
"""The same for its parts in other queues than that in which the flow ends. Whether it was completed is known there, and
told by a worker; there may be none for days, and what was accepted must not be given up meanwhile."""


class NewJob(NamedTuple):
    """A job that is to be added.

    Attributes:
        id: its id.
        specification: the text of ``specification_text``.
        due: when it may start: None for now, seconds from now, or a time.
        steering: what steers it besides; None for a plain job.
    """

    id: str
    specification: bytes
    due: float | datetime | None = None
    steering: Steering | None = None


@dataclass(frozen=True, slots=True)
class Added:
    """What became of jobs that were to be added; those that are not named were added.

    Attributes:
        existed: ids that existed before. They are left alone.
        duplicates: for each that is the same as another, the id of the one that stands.
        refused: for each that there is no room for, the seconds for which its producer should wait for some.
    """

    existed: frozenset[str] = frozenset()
    duplicates: Mapping[str, str] = field(default_factory=dict)
    refused: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Watched:
    """What is known of a job that somebody waits for."""

    known: Literal["ended", "pending", "missing"]
    ending: Execution | None


def add(keys: QueueKeys, jobs: Sequence[NewJob]) -> Call[Added | None]:
    """Add plain jobs. The reply is None, and none was added, if the queue has a maximum size: use ``add_steered``."""
    rest: list[str | bytes] = []
    for job in _checked(jobs):
        rest += (job.id, job.specification, _due(job.due))
    return run_script(script("add"), keys, (), _existed, rest=rest)


def add_steered(
    keys: QueueKeys, jobs: Sequence[NewJob], *, whole: bool = False, flow: str = "", patience: float = FLOW_PATIENCE
) -> Call[Added]:
    """Add jobs of which some are steered.

    Args:
        keys: the queue.
        jobs: the jobs; one may wait for those before it.
        whole: whether all or none of them are to be added.
        flow: the id of a flow that is added in parts: none of its jobs runs before ``commit``.
        patience: seconds after which a flow is given up that has not been completed.

    Raises:
        UnknownDependency: by the call, if one of them waits for a job that the queue does not have. None was added.
    """
    rest: list[str | bytes] = []
    for job in _checked(jobs):
        rest += (job.id, job.specification, _due(job.due), job.steering.to_wire() if job.steering else "")
    return run_script(script("add_steered"), keys, (int(whole), flow, round(patience * 1000)), _added, rest=rest)


def commit(keys: QueueKeys, flow: str, root: str, others: Sequence[str], *, discard: bool = False) -> Call[bool]:
    """Complete a flow that was added in parts, or give it up.

    The reply is whether that was done: not if it was given up before it was to be completed, or the other way round.

    Args:
        keys: the queue of its root.
        flow: its id.
        root: the id of its root.
        others: the names of the other queues that have jobs of it.
        discard: whether to give it up.
    """
    return run_script(script("commit"), keys, (flow, root, "discard" if discard else "commit"), bool, rest=others)


def cancel(keys: QueueKeys, job_id: str, reason: str, *, dependencies: bool = False) -> Call[JobState | None]:
    """Call a job off; the reply is the state it was found in, None if there is no such job.

    Args:
        keys: its queue.
        job_id: the job.
        reason: why.
        dependencies: whether to call off what it waits for as well.
    """
    return run_script(script("cancel"), keys, (job_id, to_json(reason), int(dependencies)), _state)


def prioritize(keys: QueueKeys, job_id: str, priority: int) -> Call[JobState | None]:
    """Change the priority of a job that has not begun; the reply is the state it was found in."""
    return run_script(script("prioritize"), keys, (job_id, priority), _state)


def hasten(keys: QueueKeys, job_id: str) -> Call[JobState | None]:
    """Let a delayed job start now; the reply is the state it was found in."""
    return run_script(script("hasten"), keys, (job_id,), _state)


def exists(keys: QueueKeys, job_id: str) -> Call[bool]:
    """Read whether there is a job of this id."""
    return run_command("HEXISTS", keys["jobs"], job_id, read=bool, repeatable=True)


def of_key(keys: QueueKeys, key: str, after: str, count: int) -> Call[tuple[str, ...]]:
    """Read the ids of some of the jobs of a key that have not ended: those after an id, in their order."""
    first = f"({key}|{after}" if after else f"[{key}|"
    return run_command(
        "ZRANGEBYLEX", keys["keyed"], first, f"({key}}}", "LIMIT", 0, count, read=_ids_of_key, repeatable=True
    )


def remove(keys: QueueKeys, job_id: str) -> Call[JobState | None]:
    """Delete a job that is not active; the reply is the state it was found in, None if there is no such job."""
    return run_script(script("remove"), keys, (job_id,), _state)


def retry(keys: QueueKeys, job_id: str) -> Call[JobState | Literal["owned"] | None]:
    """Let a failed or cancelled job run again.

    The reply is the state it was found in, None if there is no such job, or ``"owned"`` if another has its
    deduplication key by now.
    """
    return run_script(script("retry"), keys, (job_id,), _retried)


def replayed(keys: QueueKeys, job_id: str, copy: str) -> Call[bool]:
    """Note that a job has been enqueued again as another one; the reply is whether it was not noted before."""
    return run_script(script("replayed"), keys, (job_id, copy), bool)


def watch(keys: QueueKeys, job_id: str) -> Call[Watched]:
    """Ask to be told on the channel ``keys.finished(job_id)`` when a job ends, unless it has ended."""
    return run_script(script("watch"), keys, (job_id,), _watched)


def unknown_dependency(job_id: str, other: str) -> UnknownDependency:
    """Return the error that says that a job is to wait for one which does not exist."""
    return UnknownDependency(
        f"job {job_id} is to wait for job {other}, which does not exist: it was removed, its retention has passed, or"
        " it never existed. Nothing was enqueued"
    )


def _checked(jobs: Sequence[NewJob]) -> Sequence[NewJob]:
    if len(jobs) > CHUNK:
        raise ValueError(f"{CHUNK} jobs are added at most, not {len(jobs)}")
    return jobs


def _due(due: float | datetime | None) -> str:
    return "" if due is None else moment_text(due)


def _existed(reply: Any) -> Added | None:
    return None if reply == b"bounded" else Added(frozenset(text.decode() for text in reply))


def _added(reply: Any) -> Added:
    existed, duplicates, refused = set(), {}, {}
    for job_id, verdict, detail in zip(*[iter(reply)] * 3, strict=True):
        match verdict:
            case b"existed":
                existed.add(job_id.decode())
            case b"duplicate":
                duplicates[job_id.decode()] = detail.decode()
            case b"unknown":
                raise unknown_dependency(job_id.decode(), detail.decode())
            case _:
                refused[job_id.decode()] = int(detail) / 1000
    return Added(frozenset(existed), duplicates, refused)


def _ids_of_key(reply: Any) -> tuple[str, ...]:
    return tuple(member.decode().rpartition("|")[2] for member in reply)


def _state(reply: Any) -> JobState | None:
    return None if reply == b"missing" else JobState(reply.decode())


def _retried(reply: Any) -> JobState | Literal["owned"] | None:
    return "owned" if reply == b"owned" else _state(reply)


def _watched(reply: Any) -> Watched:
    known, ending = reply
    return Watched(known.decode(), how_it_ended(ending) if ending else None)


def how_it_ended(record: bytes) -> Execution:
    """Read the record of a job that has ended.

    Raises:
        UnreadableResult: it is not a record.
    """
    try:
        return Execution.parse(record)
    except ValueError as error:
        raise UnreadableResult(f"what is stored of how the job ended cannot be read: {error}") from None
