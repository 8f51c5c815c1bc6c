"""How commands show what they have found: tables for people, JSON for programs."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import click
from pydantic_core import from_json, to_json

from jobqueue.durations import format_duration
from jobqueue.job import Execution, JobInfo, JobState
from jobqueue.seal import open_result
from jobqueue.signing import Distrusted
from jobqueue.store.inspect import QueueInfo, WorkerInfo
from jobqueue.stored import READ_LIMIT, check_size
from jobqueue.visible import visible

_STATE_COLOURS = {
    "waiting": "blue",
    "delayed": "cyan",
    "blocked": "cyan",
    "active": "yellow",
    "completed": "green",
    "failed": "red",
    "cancelled": "magenta",
}


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    click.echo(to_json(value, indent=2))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[str] = ()) -> None:
    """Print rows below column headings, each column as wide as its widest cell.

    Args:
        columns: the headings.
        rows: the cells, which may be coloured.
        right: the headings of columns whose cells stand at the right.
    """
    lines = [[visible(cell) for cell in row] for row in rows]
    widths = [
        max(len(heading), *(len(click.unstyle(line[place])) for line in lines), 0)
        for place, heading in enumerate(columns)
    ]

    def padded(cell: str, place: int) -> str:
        space = " " * (widths[place] - len(click.unstyle(cell)))
        return space + cell if columns[place] in right else cell + space

    for line in ([click.style(heading, bold=True) for heading in columns], *lines):
        click.echo("  ".join(padded(cell, place) for place, cell in enumerate(line)).rstrip())


def print_facts(facts: Mapping[str, str]) -> None:
    """Print names and values, one below the other. What has no value is left out."""
    width = max(map(len, facts))
    for name, value in facts.items():
        if value:
            click.echo(f"{click.style(name.ljust(width), bold=True)}  {visible(value)}")


def state_text(state: str) -> str:
    """Return the name of a state in its colour."""
    return click.style(state, fg=_STATE_COLOURS.get(state))


def event_text(kind: str) -> str:
    """Return what has happened to a job, in the colour of the state that it is in then, and as wide as the others."""
    colours = {**_STATE_COLOURS, "started": "yellow", "lost": "red", "retried": "red", "expired": "magenta"}
    return click.style(kind.ljust(11), fg=colours.get(kind))


def ago(moment: datetime | None, now: datetime | None = None) -> str:
    """Return how long ago a time is, or how far ahead."""
    if moment is None:
        return "-"
    seconds = ((now or datetime.now(UTC)) - moment).total_seconds()
    return f"{format_duration(seconds)} ago" if seconds >= 0 else f"in {format_duration(-seconds)}"


def moment_text(moment: datetime | None) -> str:
    """Return a time for people: when, and how long ago or ahead; an empty text for none."""
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S} UTC ({ago(moment)})"


def shortened(text: str, width: int) -> str:
    """Return a text on one line of at most some width."""
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1] + "…"


def job_detail(job: JobInfo, width: int = 60) -> str:
    """Return the one thing that is most worth knowing of a job in its state, in about this many characters."""
    if job.parked:
        return shortened(f"parked: {job.parked}", width)
    if job.state is JobState.DELAYED:
        return f"due {ago(job.run_at)}{_failed_attempts(job, ' after ')}"
    if job.state is JobState.BLOCKED:
        return f"waits for {job.waiting_for} job{'s' if job.waiting_for > 1 else ''}" if job.waiting_for else ""
    if job.state is JobState.ACTIVE:
        return f"started {ago(job.started_at)} by {job.worker}"
    if job.ending is None:
        return _failed_attempts(job, "")
    if job.state is JobState.FAILED:
        return shortened(f"{job.ending.error_type}: {job.ending.message}", width)
    text = f"{job.ending.outcome.value} {ago(job.ending.finished_at)}"
    if job.state is JobState.CANCELLED:
        return shortened(f"{text}: {job.ending.message}", width) if job.ending.message else text
    took = (job.ending.finished_at - (job.ending.started_at or job.ending.finished_at)).total_seconds()
    return f"{text} in {format_duration(took)}"


def listed_members(job: JobInfo) -> Mapping[str, Any]:
    """Return a job as it is shown in a JSON list: with what can be read of many jobs at once."""
    return {
        "id": job.id,
        "queue": job.queue,
        "task": job.task,
        "state": job.state.value,
        "args": None if job.unread else dict(job.args),
        "meta": None if job.unread else dict(job.meta),
        "unread": job.unread or None,
        "created_at": job.created_at,
        "run_at": job.run_at,
        "started_at": job.started_at,
        "worker": job.worker or None,
        "token": job.token or None,
        "parked": job.parked or None,
        "key": job.key,
        "counts": job.counts._asdict(),
        "ending": execution_members(job.ending) if job.ending else None,
    }


def job_members(job: JobInfo) -> Mapping[str, Any]:
    """Return everything about a job as it is shown in JSON."""
    return {
        **listed_members(job),
        "version": job.version,
        "replay_of": job.replay_of,
        "replays": job.replays,
        "cancelling": job.cancelling,
        "priority": job.priority,
        "expires_at": job.expires_at,
        "dedup": job.dedup or None,
        "waiting_for": job.waiting_for,
        "schedule": job.schedule,
        "slot": job.slot,
        "progress": job.progress,
        "history": [execution_members(execution) for execution in job.history],
    }


def execution_members(execution: Execution) -> Mapping[str, Any]:
    """Return an execution as it is shown in JSON."""
    return {
        "outcome": execution.outcome.value,
        "started_at": execution.started_at,
        "finished_at": execution.finished_at,
        "worker": execution.worker or None,
        "token": execution.token or None,
        "result": _result(execution.result),
        "error_type": execution.error_type or None,
        "message": execution.message or None,
        "traceback": execution.traceback or None,
        "fingerprint": execution.fingerprint or None,
    }


def result_text(text: bytes) -> str:
    """Return a stored result for people."""
    try:
        check_size(text, "it", READ_LIMIT)
        return open_result(None, "", "", text).decode()
    except Distrusted:
        return "encrypted"
    except ValueError as error:
        return f"(unreadable: {error})"


def _result(text: bytes) -> Any:
    shown = result_text(text)
    try:
        return from_json(shown)
    except ValueError:
        return shown


def queue_members(queue: QueueInfo) -> Mapping[str, Any]:
    """Return a queue as it is shown in JSON."""
    return {
        "name": queue.name,
        "paused": queue.paused,
        **{state.value: count for state, count in queue.counts.items()},
        "parked": queue.parked,
        "oldest_waiting_seconds": queue.oldest_age,
        "workers": len(queue.workers),
    }


def worker_members(worker: WorkerInfo) -> Mapping[str, Any]:
    """Return a worker as it is shown in JSON."""
    return {
        "id": worker.id,
        "host": worker.host,
        "pid": worker.pid,
        "queues": worker.queues,
        "concurrency": worker.concurrency,
        "started_at": worker.started_at,
        "lease_until": worker.lease_until,
        "tasks": worker.tasks,
        "order": worker.order or None,
    }


def worker_text(worker: WorkerInfo) -> str:
    """Return the id of a worker, and what it was told to do."""
    return worker.id + (click.style(f" (told to {worker.order})", fg="yellow") if worker.order else "")


def busy_worker_members(worker: WorkerInfo, running: Sequence[JobInfo], now: datetime) -> Mapping[str, Any]:
    """Return a worker and what it runs as it is shown in JSON."""
    return {
        **worker_members(worker),
        "running": [
            {
                "id": job.id,
                "task": job.task,
                "queue": job.queue,
                "seconds": (now - job.started_at).total_seconds() if job.started_at else None,
            }
            for job in running
        ],
    }


def _failed_attempts(job: JobInfo, before: str) -> str:
    count = job.counts.failures
    return f"{before}{count} failed attempt{'s' if count > 1 else ''}" if count else ""
