"""What has happened to a job, in the order of time: put together from all that is kept of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from operator import attrgetter

from pydantic_core import from_json

from jobqueue.job import Execution, JobInfo, JobState, Note, OutcomeKind, Specification, moment

HISTORY_LIMIT = 20
"""How many executions that did not end a job are kept."""


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """Something that has happened to a job.

    Attributes:
        at: when, by the server's clock.
        event: what: ``enqueued``, ``due``, ``promoted``, ``prioritized``, ``unblocked``, ``started``, how an execution
            ended (a value of ``OutcomeKind``), ``unparked``, ``cancelling``, ``revived`` or ``replayed``.
        state: the state of the job from then on; None where that has not changed.
        text: more of it, for people; may be empty.
        attempt: the number of the attempt, where an execution began or ended.
        worker: the worker that ran it; empty where none did.
        token: the fencing token of that execution; 0 where there was none.
        seconds: how long it took.
        until: when the job was to go on, where it was to wait for a time.
        error_type: the name of the exception's class, if it raised one.
    """

    at: datetime
    event: str
    state: JobState | None
    text: str = ""
    attempt: int | None = None
    worker: str = ""
    token: int = 0
    seconds: float | None = None
    until: datetime | None = None
    error_type: str = ""


@dataclass(frozen=True, slots=True)
class Timeline:
    """What has happened to a job.

    Attributes:
        job: the job at the moment of the question.
        entries: all that is known, the oldest first.
        complete: whether that is all. The latest 20 executions are kept, and the latest 40 of other events.
    """

    job: JobInfo
    entries: tuple[TimelineEntry, ...]
    complete: bool


def timeline_of(job: JobInfo) -> Timeline:
    """Return what has happened to a job."""
    found = [*_beginning(job), *_of_history(job), *(entry for note in job.notes for entry in _of_note(note))]
    found += _present(job)
    entries = tuple(_with_attempts(job, _with_ends_of_waits(job, _in_order(found))))
    return Timeline(job, entries, job.notes_dropped == 0 and len(job.history) < HISTORY_LIMIT)


def _beginning(job: JobInfo) -> Iterator[TimelineEntry]:
    if job.created_at is None:
        return
    unblocked = next((note.at for note in job.notes if note.event == "unblocked"), None)
    first = min([*(each.started_at for each in job.history if each.started_at), *_starts(job)], default=None)
    # One that ended before it ever ran: when it was enqueued it was up to other jobs, and it never went on.
    ends = (each.finished_at for each in _executions(job) if each.started_at is None)
    stayed = min(ends, default=None) if Specification.head(job.specification).due is None else None
    went_on = min([at for at in (unblocked, stayed) if at is not None], default=None)
    was_blocked = job.state is JobState.BLOCKED or went_on is not None
    blocked = was_blocked and (first is None or (went_on is not None and went_on <= first))
    state = JobState.BLOCKED if blocked else JobState.DELAYED if job.due_at else JobState.WAITING
    text = f"a copy of {job.replay_of}" if job.replay_of else ""
    yield TimelineEntry(job.created_at, "enqueued", state, text, until=None if blocked else job.due_at)


def _executions(job: JobInfo) -> Iterator[Execution]:
    yield from job.history
    if job.ending is not None:
        yield job.ending


def _starts(job: JobInfo) -> Iterator[datetime]:
    if job.started_at is not None:
        yield job.started_at
    for note in job.notes:
        if note.event in ("snoozed", "limited", "parked", "blocked"):
            yield moment(int(note.detail.split(" ", 1)[0]))


def _of_history(job: JobInfo) -> Iterator[TimelineEntry]:
    for execution in job.history:
        yield from _of_execution(execution, _state_after(execution))
    if job.ending is not None:
        yield from _of_execution(job.ending, job.state)


def _present(job: JobInfo) -> Iterator[TimelineEntry]:
    if job.state is JobState.ACTIVE and job.started_at is not None:
        yield TimelineEntry(job.started_at, "started", JobState.ACTIVE, worker=job.worker, token=job.token)


def _state_after(execution: Execution) -> JobState:
    match execution.outcome:
        case OutcomeKind.FAILED:
            return JobState.FAILED
        case OutcomeKind.CANCELLED | OutcomeKind.EXPIRED:
            return JobState.CANCELLED
        case OutcomeKind.COMPLETED:
            return JobState.COMPLETED
    return JobState.DELAYED if execution.due_at else JobState.WAITING


def _of_execution(execution: Execution, state: JobState) -> Iterator[TimelineEntry]:
    began = execution.started_at
    worker, token = execution.worker, execution.token
    if began is not None:
        yield TimelineEntry(began, "started", JobState.ACTIVE, worker=worker, token=token)
    yield TimelineEntry(
        execution.finished_at,
        execution.outcome.value,
        state,
        execution.message,
        worker=worker,
        token=token,
        seconds=None if began is None else (execution.finished_at - began).total_seconds(),
        until=execution.due_at,
        error_type=execution.error_type,
    )


def _of_note(note: Note) -> Iterator[TimelineEntry]:
    match note.event:
        case "snoozed" | "limited" | "parked" | "blocked":
            yield from _of_run(note)
        case "promoted":
            yield TimelineEntry(note.at, "promoted", JobState.WAITING, "by hand")
        case "prioritized":
            before, _, after = note.detail.partition(" ")
            yield TimelineEntry(note.at, "prioritized", None, f"from {before} to {after}")
        case "cancelling":
            yield TimelineEntry(note.at, "cancelling", None, _reason(note.detail))
        case "unparked":
            yield TimelineEntry(note.at, "unparked", JobState.WAITING, "for a worker that may be able to run it")
        case "unblocked":
            last, _, due = note.detail.partition(" ")
            until = moment(int(due)) if due else None
            text = "its flow was complete" if last.startswith("-/") else f"{last} had ended" if last else ""
            yield TimelineEntry(note.at, "unblocked", JobState.DELAYED if due else JobState.WAITING, text, until=until)
        case "revived":
            text = f"{note.detail}, which had failed it, runs again" if note.detail else "retried by hand"
            yield TimelineEntry(note.at, "revived", JobState.BLOCKED if note.detail else JobState.WAITING, text)
        case "replayed":
            yield TimelineEntry(note.at, "replayed", None, f"as {note.detail}")
        case _:  # of a later version
            yield TimelineEntry(note.at, note.event, None, note.detail)


def _of_run(note: Note) -> Iterator[TimelineEntry]:
    began_text, worker, token_text, rest = [*note.detail.split(" ", 3), ""][:4]
    began, token = moment(int(began_text)), int(token_text)
    yield TimelineEntry(began, "started", JobState.ACTIVE, worker=worker, token=token)
    until, state, text = None, JobState.WAITING, rest
    match note.event:
        case "snoozed":
            until, text = moment(int(rest)), ""
            state = JobState.DELAYED if until > note.at else JobState.WAITING
        case "limited":
            rests, _, gate = rest.partition(" ")
            until, text = moment(int(rests)), f"{gate.replace(':', ' ', 1)} rests"
        case "blocked":
            state, text = JobState.BLOCKED, f"it waits for {rest} job{'' if rest == '1' else 's'}"
    seconds = (note.at - began).total_seconds()
    yield TimelineEntry(note.at, note.event, state, text, worker=worker, token=token, seconds=seconds, until=until)


_BEFORE = {
    "started": (JobState.WAITING, JobState.DELAYED),
    "unblocked": (JobState.BLOCKED,),
    "unparked": (JobState.WAITING,),
    "promoted": (JobState.DELAYED,),
    "revived": (JobState.FAILED, JobState.CANCELLED),
    "cancelling": (JobState.ACTIVE,),
}
"""In which states things happen that are not the ends of executions."""


def _in_order(entries: Sequence[TimelineEntry]) -> list[TimelineEntry]:
    """Sort by time; of what happened in the same millisecond, that comes next which can happen in the state before."""
    rest, found = sorted(entries, key=attrgetter("at", "token")), list[TimelineEntry]()
    state, token = None, 0
    while rest:
        together = [entry for entry in rest if entry.at == rest[0].at]
        entry = next((entry for entry in together if _may_follow(state, token, entry)), rest[0])
        rest.remove(entry)
        found.append(entry)
        state, token = entry.state or state, entry.token or token
    return found


def _may_follow(state: JobState | None, token: int, entry: TimelineEntry) -> bool:
    if state is None:
        return True
    if entry.token and entry.event != "started":
        return state is JobState.ACTIVE and entry.token == token
    return state in _BEFORE.get(entry.event, (state,))


def _with_ends_of_waits(job: JobInfo, entries: Sequence[TimelineEntry]) -> list[TimelineEntry]:
    """Enter when delayed jobs were due: nobody records that, because it is known before."""
    found: list[TimelineEntry] = []
    for number, entry in enumerate(entries):
        found.append(entry)
        if entry.state is not JobState.DELAYED or entry.until is None:
            continue
        changes = (after for after in entries[number + 1 :] if after.state is not None)
        following = next(changes, None)
        came = job.state is not JobState.DELAYED if following is None else following.event == "started"
        if came and (following is None or entry.until <= following.at):
            found.append(TimelineEntry(entry.until, "due", JobState.WAITING))
    return sorted(found, key=attrgetter("at"))


def _with_attempts(job: JobInfo, entries: Sequence[TimelineEntry]) -> Iterator[TimelineEntry]:
    """Count the attempts. Those before the history begins are known from the counter."""
    charged = ("retried", "failed")
    since = max((place for place, entry in enumerate(entries) if entry.event == "revived"), default=0)
    recent = sum(entry.event in charged and entry.token > 0 for entry in entries[since:])
    failures = max(0, job.counts.failures - recent) if since == 0 else 0
    for entry in entries:
        if entry.event == "revived":
            failures = 0
        yield replace(entry, attempt=failures + 1) if entry.token else entry
        if entry.event in charged and entry.token:
            failures += 1


def _reason(text: str) -> str:
    try:
        return str(from_json(text))
    except ValueError:  # it was cut
        return text.removeprefix('"')
