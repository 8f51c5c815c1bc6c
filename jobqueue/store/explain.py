"""Why a job does not run: what ``explain.lua`` has found, as sentences and values."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from jobqueue.durations import format_duration
from jobqueue.explanation import Explanation, Reason, ReasonCode
from jobqueue.job import Counts, Execution, JobState, Specification, moment
from jobqueue.store.call import Call, run_script
from jobqueue.store.keys import QueueKeys
from jobqueue.store.script import script
from jobqueue.stored import READ_LIMIT, number, read_json, read_object, texts

REACH = 10_000
"""How many jobs of a line are looked at for the place of one: the server does nothing else meanwhile."""

NAMED = 100
"""How many workers are looked at, and how many jobs are named that hold a limit."""

LOOKED_AT = 1000
"""How many of the jobs that a job has waited for are looked at with one call."""

SHOWN = 20
"""How many of those that it still waits for are named."""


class Pending(NamedTuple):
    """A job that another still waits for.

    Attributes:
        queue: its queue.
        id: its id.
        on_failure: what becomes of the other if it does not complete.
        state: its state; empty if it is not known yet.
    """

    queue: str
    id: str
    on_failure: str
    state: str


class PendingPage(NamedTuple):
    """Some of them, and where the next page begins; empty after the last."""

    jobs: tuple[Pending, ...]
    cursor: str


def explain(keys: QueueKeys, job_id: str, limit: int = READ_LIMIT) -> Call[Explanation | None]:
    """Read why a job does not run; the reply is None if nothing is known of it.

    Args:
        keys: the queue.
        job_id: the job.
        limit: bytes of its specification that are decoded.
    """
    words = (job_id, REACH, NAMED)
    return run_script(script("explain"), keys, words, lambda reply: _explained(job_id, keys, limit, reply))


def pending(keys: QueueKeys, job_id: str, cursor: str = "") -> Call[PendingPage]:
    """Read which jobs a job still waits for, some at a time."""
    return run_script(script("pending"), keys, (job_id, cursor, LOOKED_AT, SHOWN), _pending)


def waiting_for(explanation: Explanation, jobs: Sequence[Pending]) -> Explanation:
    """Return an explanation that names the jobs which the job still waits for."""
    reasons = []
    for reason in explanation.reasons:
        if reason.code == "blocked" and jobs:
            named = [{"queue": job.queue, "id": job.id, "state": job.state or None} for job in jobs]
            more = reason.details["remaining"] - len(jobs)
            text = ", ".join(f"{job.queue}/{job.id} ({job.state or 'gone'})" for job in jobs)
            text = f"{reason.text}: {text}{f' and {more:,} more' if more > 0 else ''}"
            reason = replace(reason, text=text, details={**reason.details, "jobs": named})  # noqa: PLW2901
        reasons.append(reason)
    return replace(explanation, reasons=tuple(reasons))


@dataclass(frozen=True, slots=True)
class _Worker:
    id: str
    tasks: frozenset[str]
    versions: Mapping[str, int]
    slots: int
    order: str


@dataclass(frozen=True, slots=True)
class _Scene:
    """What the sentences of an explanation need besides their own details."""

    queue: str
    now: datetime
    active: int
    ended: int
    elsewhere: int


def _explained(job_id: str, keys: QueueKeys, limit: int, reply: Any) -> Explanation | None:
    state, now, text, active, ended, found, alive, elsewhere, *entries = reply
    scene = _Scene(keys.queue, moment(int(now)), int(active), int(ended), int(elsewhere))
    if state == b"missing" and not found:
        return None
    try:
        specification = Specification.parse(text, limit) if text else Specification("", {})
    except ValueError:
        specification = Specification.head(text)
    where = None if state == b"missing" else JobState(state.decode())
    reasons = [reason for entry in found for reason in _read(scene, *map(_text, entry))]
    if where in (JobState.WAITING, JobState.DELAYED, JobState.BLOCKED):
        workers = [_worker(*entry) for entry in zip(*[iter(entries)] * 4, strict=True)]
        parked = any(reason.code == "parked" for reason in reasons)
        reasons += _of_workers(scene, where, specification, workers, int(alive), parked)
        place = next((reason for reason in reasons if reason.code == "position"), None)
        if place and place.details["before"] == 0 and not any(reason.holds for reason in reasons):
            reasons.append(
                Reason("ready", "nothing holds it: it is the next of its lane, and a worker may take it now")
            )
    elif where is JobState.ACTIVE and not alive and any(reason.code == "lease_over" for reason in reasons):
        reasons.append(_no_worker(scene))
    order = sorted(reasons, key=lambda reason: (not reason.holds, reason.code in ("position", "expires")))
    return Explanation(job_id, keys.queue, where, specification.task, tuple(order), scene.now)


def _read(scene: _Scene, kind: str, *details: str) -> Iterator[Reason]:
    match kind:
        case "closed":
            yield _closed(scene, *details[:6], holders=details[6:])
        case "parked":
            topic, _, why = details[0].partition(" ")
            yield Reason(
                "parked",
                f"parked: {why}. It returns when a worker comes that may be able to run it",
                {"reason": why, "topic": topic},
                holds=True,
            )
        case "delayed":
            yield _delayed(scene, *details)
        case "blocked":
            yield from _blocked(scene, *details)
        case "position":
            yield _position(scene, *details)
        case "handed":
            yield Reason(
                "handed_over",
                "the server has handed it to a worker, which is about to take it; if that worker is dead, the job is"
                " given back when its lease has run out",
                holds=True,
            )
        case "expires":
            until = _moment(details[0])
            yield Reason(
                "expires",
                f"it is cancelled if it has not started by {_when(until, scene.now)}",
                {"until": until},
            )
        case "active":
            yield from _active(scene, *details)
        case "cancelling":
            why = _reason(details[0])
            text = f"it was asked to stop{f': {why}' if why else ''}"
            yield Reason("cancelling", text, {"reason": why})
        case "ended":
            yield _ended(scene, *details)
        case "deduplicated":
            text = (
                f"no job of its own: job {details[0]}, which has the same deduplication key, took over what it brought"
            )
            yield Reason("deduplicated", text, {"into": details[0]})


def _closed(
    scene: _Scene, gate: str, cause: str, at: str, limit: str, interval: str, busy: str, *, holders: Sequence[str]
) -> Reason:
    kind, _, name = gate.partition(":")
    details: dict[str, Any] = {"what": kind, "name": name or scene.queue}
    what = f"{kind} {details['name']}"
    if cause == "paused":
        text = f"task {name} is switched off (paused)" if kind == "task" else f"{what} is paused"
        return Reason("paused", text, details, holds=True)
    if cause == "concurrency":
        held = []
        for job_id, entry in zip(*[iter(holders)] * 2, strict=True):
            token, started, worker = [*entry.split(" ", 2), "", "", ""][:3]
            held.append(
                {"id": job_id, "worker": worker or None, "started_at": _moment(started) if started and token else None}
            )
        details |= {"limit": int(limit), "running": int(busy), "held_by": held}
        names = ", ".join(entry["id"] for entry in held[:5])
        more = f" and {int(busy) - 5:,} more" if int(busy) > 5 else ""
        text = f"{int(busy):,} of at most {int(limit):,} jobs of {what} run at once: {names}{more}"
        return Reason("concurrency", text, details, holds=True)
    until = _moment(at)
    details |= {"until": until}
    seconds = float(interval) / 1e6 if interval else 0.0
    # A rate closes a gate for one interval at most: what is closed for longer was told to rest.
    if not interval or (until - scene.now).total_seconds() > seconds + 0.002:
        text = f"{what} rests until {_when(until, scene.now)}: a job of it was told to slow down (RateLimited)"
        return Reason("held", text, details, holds=True)
    details |= {"seconds_between": seconds}
    text = f"the rate of {what} is used up until {_when(until, scene.now)}: one job every {format_duration(seconds)}"
    return Reason("rate", text, details, holds=True)


def _delayed(scene: _Scene, due: str, counters: str) -> Reason:
    until, failures = _moment(due), Counts.parse(counters.encode()).failures
    text = f"delayed until {_when(until, scene.now)}"
    if failures:
        text += f", after {failures} failed attempt{'s' if failures > 1 else ''}"
    if until <= scene.now:
        text += "; the workers of its queue let it start"
    return Reason("delayed", text, {"until": until, "failures": failures}, holds=True)


def _blocked(scene: _Scene, stand: str, since: str, flow: str, patience: str) -> Iterator[Reason]:
    remaining = max(0, int(stand.split(" ", 1)[0] or 0)) - bool(flow)
    details: dict[str, Any] = {"remaining": remaining, "since": _moment(since), "jobs": []}
    if flow:
        until = _moment(patience) if patience else None
        ends = f"; it is given up by {_when(until, scene.now)}" if until else ""
        text = f"its flow {flow} is still being enqueued by its producer, or its last part is on the way{ends}"
        yield Reason("flow_incomplete", text, {"flow": flow, "until": until}, holds=True)
    if remaining or not flow:
        text = f"it waits for {remaining:,} job{'' if remaining == 1 else 's'}"
        yield Reason("blocked", text, details, holds=True)


def _position(scene: _Scene, lane: str, before: str, more: str, lanes: str) -> Reason:
    task, _, key = lane.partition("/")
    details: dict[str, Any] = {
        "before": int(before),
        "more": more == "1",
        "key": key or None,
        "task": task or None,
        "lanes_before": int(lanes),
        "ended_last_minute": scene.ended,
    }
    where = " and ".join([*([f"key {key}"] if key else []), *([f"task {task}"] if task else [])])
    count = f"{'more than ' if more == '1' else ''}{int(before):,} job{'' if before == '1' else 's'}"
    text = f"{count} of {where or 'its line'} go{'es' if before == '1' else ''} before it"
    if before == "0" and more != "1":
        text = f"it is the next of {where or 'its line'}"
    if int(lanes):
        text += f"; {int(lanes):,} other lane{'' if lanes == '1' else 's'} may have a turn first"
    elif not where and int(before) and more != "1" and scene.ended:
        left = int(before) * 60 / scene.ended
        details["seconds"] = round(left, 1)
        text += f": about {format_duration(left)} at the pace of the last minute ({scene.ended:,} ended)"
    return Reason("position", text, details)


def _active(scene: _Scene, worker: str, started: str, token: str, lease: str, info: str) -> Iterator[Reason]:
    members = read_object(info.encode("utf-8", "surrogateescape"))
    until = _moment(lease) if lease and float(lease) > 0 else None
    length = members.get("lease")
    known = isinstance(length, int | float) and 0 < length <= 3600
    beat = until - timedelta(seconds=length or 0) if until and known else None
    details = {
        "worker": worker,
        "host": members.get("host"),
        "pid": members.get("pid"),
        "started_at": _moment(started),
        "token": int(token),
        "lease_until": until,
        "last_heartbeat": beat,
    }
    text = f"it runs on {worker} since {_when(_moment(started), scene.now)}"
    if beat:
        text += f"; the worker's last heartbeat came {_relative(beat, scene.now)}"
    if until:
        text += f", and its lease is until {_when(until, scene.now)}"
    yield Reason("active", text, details)
    if until is None or until <= scene.now:
        over = f"since {_when(until, scene.now)}" if until else "and it is being reaped"
        text = f"the lease of {worker} is over {over}: another worker gives the job back"
        yield Reason("lease_over", text, {"worker": worker, "since": until}, holds=True)


def _ended(scene: _Scene, outcome: str, expiring: str) -> Reason:
    ending = Execution.read(outcome.encode("utf-8", "surrogateescape"))
    kept = _moment(expiring) if expiring else None
    when = _when(ending.finished_at, scene.now)
    details = {
        "finished_at": ending.finished_at,
        "started_at": ending.started_at,
        "worker": ending.worker or None,
        "error_type": ending.error_type or None,
        "message": ending.message or None,
        "kept_until": kept,
    }
    code: ReasonCode
    match ending.outcome.value:
        case "completed":
            code, text = "completed", f"it completed {when}"
        case "failed":
            code, text = "failed", f"it failed {when}: {ending.error_type}: {ending.message}"
        case "expired":
            code, text = "expired", f"it expired {when}: {ending.message}"
        case _:
            code, text = "cancelled", f"it was cancelled {when}{f': {ending.message}' if ending.message else ''}"
    if ending.worker:
        text += f" (on {ending.worker})"
    return Reason(code, text, details)


def _of_workers(
    scene: _Scene, state: JobState, wanted: Specification, workers: Sequence[_Worker], alive: int, parked: bool
) -> Iterator[Reason]:
    if not alive:
        yield _no_worker(scene)
        return
    told = [worker for worker in workers if worker.order]
    if len(told) == alive:
        yield _workers_quiet(scene, told)
        return
    # Those that were told to take no more jobs count for nothing here.
    workers, alive = [worker for worker in workers if not worker.order], alive - len(told)
    knowing = [worker for worker in workers if wanted.task in worker.tasks]
    able = [worker for worker in knowing if worker.versions.get(wanted.task, 1) >= wanted.version]
    of_all = f"{len(workers):,} of the {alive:,}" if alive > len(workers) else f"the {alive:,}"
    ones = f"none of {of_all} worker{'' if alive == 1 else 's'} of queue {scene.queue}"
    if told:
        ones += " that take jobs"
    if not knowing and wanted.task:
        text = f"{ones} knows a task {wanted.task!r}"
        yield Reason("task_unknown", text, {"task": wanted.task, "workers": [w.id for w in workers]}, holds=True)
    elif not able and wanted.task:
        newest = max(worker.versions.get(wanted.task, 1) for worker in knowing)
        text = f"{ones} knows version {wanted.version} of task {wanted.task!r}; the newest there is {newest}"
        details = {"task": wanted.task, "version": wanted.version, "newest": newest}
        yield Reason("version_unknown", text, details, holds=True)
    slots = sum(worker.slots for worker in workers)
    counted = alive <= len(workers) and all(worker.slots for worker in workers)
    if state is JobState.WAITING and not parked and counted and scene.active - scene.elsewhere >= slots:
        text = f"all {slots:,} slots of {alive:,} worker{'' if alive == 1 else 's'} are taken"
        yield Reason(
            "workers_busy",
            text,
            {"slots": slots, "running": scene.active - scene.elsewhere, "workers": alive},
            holds=True,
        )


def _no_worker(scene: _Scene) -> Reason:
    return Reason("no_worker", f"no worker takes jobs from queue {scene.queue} now", {"queue": scene.queue}, holds=True)


def _workers_quiet(scene: _Scene, told: Sequence[_Worker]) -> Reason:
    names = ", ".join(f"{worker.id} ({worker.order})" for worker in told[:5])
    more = f" and {len(told) - 5:,} more" if len(told) > 5 else ""
    all_of_them = f"all {len(told):,} workers" if len(told) > 1 else "the only worker"
    text = (
        f"{all_of_them} of queue {scene.queue} {'were' if len(told) > 1 else 'was'} told to take no more: {names}{more}"
    )
    details = {"workers": [{"id": worker.id, "order": worker.order} for worker in told]}
    return Reason("workers_quiet", text, details, holds=True)


def _worker(worker: bytes, lease: bytes, info: bytes, order: bytes) -> _Worker:
    members = read_object(info)
    found = members.get("versions")
    versions = {name: number(version) for name, version in found.items()} if isinstance(found, dict) else {}
    tasks, slots = frozenset(texts(members.get("tasks"))), number(members.get("concurrency"))
    return _Worker(worker.decode(), tasks, versions, slots, order.decode())


def _pending(reply: Any) -> PendingPage:
    cursor, *entries = reply
    found = []
    for name, state in zip(*[iter(entries)] * 2, strict=True):
        dependency, policy, _ = name.decode().split("|")
        queue, _, job_id = dependency.partition("/")
        found.append(Pending(queue, job_id, policy, "gone" if state == b"missing" else state.decode()))
    return PendingPage(tuple(found), cursor.decode())


def _reason(text: str) -> str:
    try:
        return str(read_json(text.encode("utf-8", "surrogateescape"), "it"))
    except ValueError:  # nothing of ours
        return "(unreadable)"


def _text(value: bytes | int) -> str:
    return str(value) if isinstance(value, int) else value.decode("utf-8", "surrogateescape")


def _moment(text: str) -> datetime:
    return moment(int(float(text)))


def _when(time: datetime, now: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC ({_relative(time, now)})"


def _relative(time: datetime, now: datetime) -> str:
    seconds = (now - time).total_seconds()
    return f"{format_duration(seconds)} ago" if seconds >= 0 else f"in {format_duration(-seconds)}"
