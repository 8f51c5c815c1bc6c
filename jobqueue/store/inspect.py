"""The read side: jobs, queues, workers."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, NamedTuple

from jobqueue.job import (
    LAST_MOMENT,
    Counts,
    Execution,
    JobInfo,
    JobState,
    Note,
    OutcomeKind,
    Specification,
    moment,
)
from jobqueue.seal import Seal, is_encrypted, is_sealed
from jobqueue.signing import Distrusted
from jobqueue.store.call import Call, run_command, run_script
from jobqueue.store.keys import QueueKeys
from jobqueue.store.script import script
from jobqueue.stored import SHOWN_LIMIT, TooLong, check_size, number, read_json, read_object, text_of, texts

Listed = Literal["waiting", "parked", "delayed", "blocked", "active", "completed", "failed", "cancelled"]
"""What can be listed: the states, and the parked among the waiting jobs."""


SCANNED = 2000
"""How many ids one call looks through: the server does nothing else meanwhile, for about a millisecond."""


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """A worker that is alive.

    Attributes:
        id: its id.
        lease_until: when it will be taken for dead without another heartbeat.
        host: the host it runs on.
        pid: its process there.
        queues: the queues it works on.
        concurrency: how many jobs it runs at once.
        started_at: when it started, by its own clock.
        tasks: the names of the tasks it knows.
        order: what it was told to do: ``"quiet"``, ``"stop"``, ``"restart"``, or nothing.
    """

    id: str
    lease_until: datetime
    host: str
    pid: int
    queues: tuple[str, ...]
    concurrency: int
    started_at: datetime | None
    tasks: tuple[str, ...]
    order: str = ""


@dataclass(frozen=True, slots=True)
class QueueInfo:
    """How a queue stands.

    Attributes:
        name: its name.
        paused: whether its jobs are kept from starting.
        counts: how many jobs are in each state.
        parked: how many of the waiting ones no worker can run.
        oldest_waiting: when the job was enqueued that will run next; None if none waits.
        workers: who works on it.
        now: the server's time of all this.
    """

    name: str
    paused: bool
    counts: Mapping[JobState, int]
    parked: int
    oldest_waiting: datetime | None
    workers: tuple[WorkerInfo, ...]
    now: datetime

    @property
    def oldest_age(self) -> float | None:
        """Seconds since the job was enqueued that will run next; None if none waits."""
        return None if self.oldest_waiting is None else max(0.0, (self.now - self.oldest_waiting).total_seconds())


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line that a job has logged, and when."""

    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the jobs in a state.

    Attributes:
        jobs: the jobs.
        cursor: where the next page begins; None if this is the last.
    """

    jobs: tuple[JobInfo, ...]
    cursor: str | None


class IdPage(NamedTuple):
    """Ids of jobs, and where the next page begins; ``"0"`` after the last."""

    ids: tuple[str, ...]
    cursor: str


def show(keys: QueueKeys, job_id: str) -> Call[JobInfo | None]:
    """Read everything about a job; the reply is None if there is no such job."""
    return run_script(script("show"), keys, (job_id,), lambda reply: _shown(job_id, keys.queue, reply))


def list_jobs(keys: QueueKeys, listed: Listed, cursor: str, count: int) -> Call[Page]:
    """Read a page of jobs: the next to run, the next due or the latest to end first.

    Args:
        keys: the queue.
        listed: which jobs.
        cursor: ``"0"``, or the cursor of the page before.
        count: how many jobs; a page may have fewer, or for active jobs more.
    """
    return run_script(script("list"), keys, (listed, cursor, count), lambda reply: _page(listed, keys.queue, reply))


def scan(keys: QueueKeys, place: str, cursor: str, last: str, count: int) -> Call[Page]:
    """Read a page of the jobs that lie in one place, from a cursor that stays right while jobs leave and come.

    Args:
        keys: the queue.
        place: ``line``, ``backlog``, ``parking``, ``errors`` (the index of failed jobs), or a state but waiting.
        cursor: empty, a time in milliseconds at which to begin, or the cursor of the page before; see ``scan.lua``.
        last: where to end; empty for the end.
        count: how many jobs; a page may have fewer, or for active jobs more.
    """
    state = {"line": JobState.WAITING, "backlog": JobState.WAITING, "parking": JobState.WAITING}.get(place)
    found = JobState.FAILED if place == "errors" else state or JobState(place)
    column = {"parking": "parked", "active": "active", "delayed": "due", "blocked": "blocking"}.get(
        place, "" if state else "outcome"
    )

    def read(reply: Any) -> Page:
        following, *entries = reply
        jobs = []
        for job_id, text, detail, counts, traits in zip(*[iter(entries)] * 5, strict=True):
            details = {column: detail} if column else {}
            priority = int(traits.partition(b"|")[0] or 0)
            jobs.append(_info(_text(job_id), keys.queue, found, text, counts, priority=priority, **details))
        return Page(tuple(jobs), following.decode() or None)

    return run_script(script("scan"), keys, (place, cursor, last, count), read)


def overview(keys: QueueKeys) -> Call[QueueInfo]:
    """Read how a queue stands."""
    return run_script(script("overview"), keys, (), lambda reply: _overview(keys.queue, reply))


def logs(keys: QueueKeys, job_id: str) -> Call[tuple[LogLine, ...]]:
    """Read what a job has logged, the oldest line first."""
    return run_command("HGET", keys["logs"], job_id, read=_logs, repeatable=True)


def queue_names(registry: str) -> Call[tuple[str, ...]]:
    """Read the names of all queues, sorted."""
    return run_command(
        "SMEMBERS", registry, read=lambda reply: tuple(sorted(_text(name) for name in reply)), repeatable=True
    )


def _shown(job_id: str, queue: str, reply: Any) -> JobInfo | None:
    state, specification, active, due, parked, outcome, attempts, progress, reason, *steering = reply
    traits, deadline, dedup, blocking, notes = steering
    if state == b"missing":
        return None
    counts, *history = attempts.split(b"\n")
    return _info(
        job_id,
        queue,
        JobState(state.decode()),
        specification,
        counts,
        active=active,
        due=due,
        parked=parked,
        outcome=outcome,
        history=tuple(Execution.read(line) for line in history),
        progress=_said(progress) if progress else None,
        cancelling=bool(reason),
        priority=int(traits.partition(b"|")[0] or 0),
        deadline=deadline,
        dedup=_text(dedup),
        blocking=blocking,
        notes=notes,
    )


def _page(listed: Listed, queue: str, reply: Any) -> Page:
    cursor, *entries = reply
    state = JobState.WAITING if listed == "parked" else JobState(listed)
    column = {"parked": "parked", "active": "active", "delayed": "due", "blocked": "blocking"}.get(listed, "outcome")
    jobs = tuple(
        _info(_text(job_id), queue, state, specification, counts, **{column: detail})
        for job_id, specification, detail, counts in zip(*[iter(entries)] * 4, strict=True)
    )
    return Page(jobs, None if cursor == b"0" else cursor.decode())


def _info(
    job_id: str,
    queue: str,
    state: JobState,
    specification: bytes,
    counts: bytes,
    *,
    active: bytes = b"",
    due: bytes = b"",
    parked: bytes = b"",
    outcome: bytes = b"",
    history: tuple[Execution, ...] = (),
    progress: Any = None,
    cancelling: bool = False,
    priority: int = 0,
    deadline: bytes = b"",
    dedup: str = "",
    blocking: bytes = b"",
    notes: bytes = b"",
) -> JobInfo:
    unread = ""
    try:
        parsed = Specification.parse(specification, SHOWN_LIMIT)
    except ValueError as error:
        # It is shown all the same: this is where people look when something is wrong with a job.
        parsed, unread = Specification.head(specification), str(error)
    ending = Execution.read(outcome) if outcome else None
    worker, started, token = "", None, 0
    if active:
        token_text, started_text, worker_text = active.split(b" ", 2)
        token, started, worker = int(token_text), moment(int(started_text)), _text(worker_text)
    elif ending:
        token, started, worker = ending.token, ending.started_at, ending.worker
    dropped, *lines = notes.split(b"\n")
    return JobInfo(
        id=job_id,
        queue=queue,
        state=state,
        task=parsed.task,
        args=parsed.args,
        created_at=None if parsed.created_at is None else moment(parsed.created_at),
        counts=Counts.parse(counts),
        history=history,
        run_at=moment(int(float(due))) if due else None,
        worker=worker,
        started_at=started,
        token=token,
        ending=ending,
        cancelling=cancelling,
        parked=_text(parked.partition(b" ")[2]),
        progress=progress,
        meta=parsed.meta,
        key=parsed.key,
        priority=priority,
        expires_at=moment(int(float(deadline))) if deadline else None,
        dedup=dedup,
        waiting_for=max(0, int(blocking.split(b" ")[0])) if blocking else 0,
        version=parsed.version,
        schedule=parsed.schedule,
        slot=None if parsed.slot is None else moment(parsed.slot),
        specification=specification,
        due_at=None if parsed.due in (None, parsed.created_at) else moment(parsed.due),
        replay_of=parsed.replay_of,
        notes=tuple(_note(line) for line in lines),
        notes_dropped=int(dropped or 0),
        encrypted=parsed.task != "" and not parsed.args and is_encrypted(specification),
        unread=unread,
    )


def revealed(seal: Seal | None, keys: QueueKeys, job: JobInfo, limit: int = SHOWN_LIMIT) -> JobInfo:
    """Return what is known of a job, decrypted as far as there are keys.

    Args:
        seal: opens what is sealed; None if there is no key.
        keys: the queue of the job.
        job: as it was read.
        limit: bytes of its specification that are decoded.
    """
    if seal is None and not (job.unread and len(job.specification) > SHOWN_LIMIT):
        return job
    if seal is not None:
        job = _with_its_result(seal, keys, job)
    sealed = is_sealed(job.specification)
    if not sealed and not job.unread:
        return job
    try:
        check_size(job.specification, "it", limit)
        text = job.specification
        if seal is not None and sealed:
            text = seal.open_job(keys.place, job.id, text)
        opened = Specification.parse(text, limit)
    except TooLong as error:
        return replace(job, unread=str(error), encrypted=job.encrypted and seal is None)
    except ValueError as error:
        # What is plain text and only not genuine has been read, and is shown as it stands.
        return replace(job, unread=str(error)) if job.unread else job
    return replace(
        job,
        args=opened.args,
        meta=opened.meta,
        key=opened.key,
        version=opened.version,
        schedule=opened.schedule,
        slot=None if opened.slot is None else moment(opened.slot),
        replay_of=opened.replay_of,
        encrypted=False,
        unread="",
    )


def _with_its_result(seal: Seal, keys: QueueKeys, job: JobInfo) -> JobInfo:
    ending = job.ending
    if ending is None or ending.outcome is not OutcomeKind.COMPLETED:
        return job
    try:
        ending = replace(ending, result=seal.open_result(keys.place, job.id, ending.result))
    except Distrusted as error:
        ending = replace(ending, result=b"null", message=f"its result is refused: {error}")
    return replace(job, ending=ending)


def _said(text: bytes) -> Any:
    try:
        return read_json(text, "it")
    except ValueError as error:
        return f"(unreadable: {error})"


def _note(line: bytes) -> Note:
    # A detail is cut, perhaps within a character.
    at, event, detail = line.decode("utf-8", "replace").split(" ", 2)
    return Note(moment(int(at)), event, detail)


def _overview(queue: str, reply: Any) -> QueueInfo:
    now, paused, waiting, parked, delayed, blocked, active, completed, failed, cancelled, oldest, *workers = reply
    created_at = None
    if oldest:
        try:
            created_at = Specification.parse(oldest, SHOWN_LIMIT).created_at
        except ValueError:
            created_at = Specification.head(oldest).created_at
    return QueueInfo(
        name=queue,
        paused=bool(paused),
        counts={
            JobState.WAITING: waiting + parked,
            JobState.DELAYED: delayed,
            JobState.BLOCKED: blocked,
            JobState.ACTIVE: active,
            JobState.COMPLETED: completed,
            JobState.FAILED: failed,
            JobState.CANCELLED: cancelled,
        },
        parked=parked,
        oldest_waiting=None if created_at is None else moment(created_at),
        workers=tuple(_worker(*entry) for entry in zip(*[iter(workers)] * 4, strict=True)),
        now=moment(int(now)),
    )


def _worker(worker_id: bytes, lease: bytes, info: bytes, order: bytes) -> WorkerInfo:
    members = read_object(info)
    started = number(members.get("started"))
    return WorkerInfo(
        id=_text(worker_id),
        lease_until=moment(int(float(lease))),
        host=text_of(members.get("host")),
        pid=number(members.get("pid")),
        queues=texts(members.get("queues")),
        concurrency=number(members.get("concurrency")),
        started_at=moment(started) if 0 < started < LAST_MOMENT else None,
        tasks=texts(members.get("tasks")),
        order=_text(order),
    )


def _logs(reply: Any) -> tuple[LogLine, ...]:
    if not reply:
        return ()
    return tuple(map(_log_line, reply.split(b"\n")[1:]))


def _log_line(line: bytes) -> LogLine:
    try:
        at, text = read_json(line, "it")
        if not 0 <= at < LAST_MOMENT:
            raise ValueError("its time is out of range")
        return LogLine(moment(at), str(text))
    except (ValueError, TypeError) as error:
        return LogLine(moment(0), f"(unreadable: {error})")


def _text(value: bytes) -> str:
    """Read a text that anybody may have written."""
    return value.decode("utf-8", "backslashreplace")


def state(keys: QueueKeys, job_id: str) -> Call[str]:
    """Read the state of a job; the reply is ``gone`` if there is no such job."""
    return run_script(
        script("show"), keys, (job_id,), lambda reply: "gone" if reply[0] == b"missing" else str(reply[0].decode())
    )


def ids_beginning_with(keys: QueueKeys, prefix: str, cursor: str) -> Call[IdPage]:
    """Read the ids of jobs that begin with a text, among some thousands of all jobs.

    Args:
        keys: the queue.
        prefix: the text, of characters that an id may have.
        cursor: ``"0"``, or the cursor of the page before.
    """
    words = ("HSCAN", keys["jobs"], cursor, "MATCH", f"{prefix}*", "COUNT", SCANNED)
    return run_command(*words, read=_ids, repeatable=True)


def _ids(reply: Any) -> IdPage:
    cursor, found = reply
    ids = found if isinstance(found, Mapping) else found[::2]
    text = cursor.decode() if isinstance(cursor, bytes) else str(cursor)
    return IdPage(tuple(_text(job_id) for job_id in ids), text)
