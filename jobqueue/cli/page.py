"""Everything about a job, on a page for people."""

import click
from pydantic_core import to_json

from jobqueue.cli.output import moment_text, print_facts, result_text, state_text
from jobqueue.durations import format_duration
from jobqueue.job import Execution, JobInfo, JobState
from jobqueue.visible import visible


def print_job(job: JobInfo) -> None:
    """Print a job: its fields that have a value, then the executions it has behind it."""
    print_facts(_facts(job))
    executions = [*job.history, *([job.ending] if job.ending and job.state is JobState.FAILED else [])]
    for execution in executions:
        _print_execution(execution)


def _facts(job: JobInfo) -> dict[str, str]:
    facts = {
        "id": job.id,
        "task": job.task or "?",
        "version": str(job.version) if job.version > 1 else "",
        "queue": job.queue,
        "state": state_text(job.state.value) + (" (asked to stop)" if job.cancelling else ""),
        "parked": job.parked,
        "waits for": f"{job.waiting_for} job{'s' if job.waiting_for > 1 else ''}" if job.waiting_for else "",
        "key": job.key or "",
        "priority": str(job.priority) if job.priority else "",
        "dedup": job.dedup,
        "expires": moment_text(job.expires_at),
        "schedule": _schedule(job),
        "arguments": _arguments(job),
        "a copy of": job.replay_of or "",
        "copies": ", ".join(job.replays),
        "meta": to_json(dict(job.meta)).decode() if job.meta else "",
        "enqueued": moment_text(job.created_at),
        "due": moment_text(job.run_at),
        "started": moment_text(job.started_at),
        "worker": job.worker,
        "token": str(job.token) if job.token else "",
        "progress": "" if job.progress is None else to_json(job.progress).decode(),
        "counts": ", ".join(f"{name} {count}" for name, count in job.counts._asdict().items() if count),
    }
    if job.ending is not None:
        facts["ended"] = moment_text(job.ending.finished_at)
        if job.state is JobState.COMPLETED:
            facts["result"] = job.ending.message or result_text(job.ending.result)
        elif job.state is JobState.CANCELLED:
            facts["reason"] = job.ending.message
    return facts


def _print_execution(execution: Execution) -> None:
    took = ""
    if execution.started_at:
        took = f" after {format_duration((execution.finished_at - execution.started_at).total_seconds())}"
    error = f"{execution.error_type}: {execution.message}" if execution.error_type else execution.message
    click.echo(
        f"\n{click.style(execution.outcome.value, bold=True)} {moment_text(execution.finished_at)}{took}"
        f"{f' on {visible(execution.worker)}' if execution.worker else ''}{f': {visible(error)}' if error else ''}"
    )
    if execution.traceback:
        click.echo("\n".join(f"  {line}" for line in visible(execution.traceback).rstrip().splitlines()))


def _arguments(job: JobInfo) -> str:
    if job.encrypted:
        return "encrypted"
    return f"not shown: {job.unread}" if job.unread else to_json(dict(job.args)).decode()


def _schedule(job: JobInfo) -> str:
    if job.schedule is None:
        return ""
    return f"{job.schedule}, {f'slot {moment_text(job.slot)}' if job.slot else 'started by hand'}"
