"""``jobqueue stats``."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import click

from jobqueue.app import JobQueue
from jobqueue.cli.options import Duration, connected, json_option
from jobqueue.cli.output import print_json, print_table
from jobqueue.cli.search import check_queue
from jobqueue.durations import format_duration
from jobqueue.job import OutcomeKind
from jobqueue.store.stats import KEPT, By, Stats, Times


@click.command("stats")
@click.option("--by", type=click.Choice(["queue", "task"]), help="What is added up; tasks if there is one --queue.")
@click.option("--since", type=Duration(), default="1h", show_default=True, help="How far back: 15m, 6h; up to 24h.")
@click.option("-q", "--queue", "queues", multiple=True, help="Only this queue; may be given again.")
@json_option
@connected
def command(jobs: JobQueue, by: By | None, since: float, queues: tuple[str, ...], as_json: bool) -> None:
    """Show how much was done, how long jobs waited, and how long they ran.

    Workers report every two seconds; what they measured in the last seconds before a crash is missing.
    """
    if not 0 < since <= KEPT:
        raise click.BadParameter(
            f"{format_duration(since)} is not between 1s and 24h, for which figures are kept", param_hint="'--since'"
        )
    for queue in queues:
        check_queue(jobs, queue)
    found = jobs.inspect.stats(queues or None, since=since, by=by or ("task" if len(queues) == 1 else "queue"))
    if as_json:
        print_json([stats_members(stats) for stats in found])
    elif not found:
        what = f"no worker has run a job of {', '.join(queues)}" if queues else "no queue has been used"
        click.echo(f"{what} in the last {format_duration(since)}" if queues else f"{what} yet")
    else:
        _print_stats(found)


def stats_members(stats: Stats) -> Mapping[str, Any]:
    """Return figures as they are shown in JSON."""
    return {
        "queue": stats.queue,
        "task": stats.task,
        "since": stats.since,
        "until": stats.until,
        "executions": stats.executions,
        "per_second": round(stats.per_second, 3),
        "outcomes": {kind.value: stats.outcomes.get(kind, 0) for kind in OutcomeKind if kind in _SHOWN_IN_JSON},
        "wait_seconds": _rounded(stats.wait),
        "run_seconds": _rounded(stats.run),
    }


def times_text(times: Times) -> str:
    """Return percentiles for people."""
    if times.p50 is None or times.p95 is None or times.p99 is None:
        return "-"
    return " / ".join(format_duration(value) for value in (times.p50, times.p95, times.p99))


def rate_text(per_second: float) -> str:
    """Return how often something happens, for people: in a second, or in a minute where that is seldom."""
    if per_second == 0:
        return "0/s"
    return f"{per_second:,.0f}/s" if per_second >= 10 else _slow(per_second)


def _slow(per_second: float) -> str:
    return f"{per_second:.1f}/s" if per_second >= 1 else f"{per_second * 60:.1f}/m"


def _rounded(times: Times) -> Mapping[str, float | int | None]:
    return {name: round(value, 6) if isinstance(value, float) else value for name, value in asdict(times).items()}


def _print_stats(found: Sequence[Stats]) -> None:
    by_task = any(stats.task is not None for stats in found)
    other = [kind for kind in OutcomeKind if kind not in _ALWAYS and any(stats.outcomes.get(kind) for stats in found)]
    kinds = [*_ALWAYS, *other]
    counted = ["RATE", *(kind.value.upper() for kind in kinds)]
    rows = []
    for stats in found:
        counts = [
            click.style(str(count), fg="red") if kind is OutcomeKind.FAILED and count else str(count)
            for kind in kinds
            for count in [stats.outcomes.get(kind, 0)]
        ]
        names = [stats.queue, *([_task_text(stats.task)] if by_task else [])]
        rows.append([*names, rate_text(stats.per_second), *counts, times_text(stats.wait), times_text(stats.run)])
    columns = ["QUEUE", *(["TASK"] if by_task else []), *counted, "WAIT p50 / p95 / p99", "RUN p50 / p95 / p99"]
    print_table(columns, rows, right=counted)


def _task_text(task: str | None) -> str:
    return "(others)" if task == "*" else task or ""


_ALWAYS = (OutcomeKind.COMPLETED, OutcomeKind.FAILED, OutcomeKind.RETRIED)

# Nobody measures what becomes of jobs that no worker runs.
_SHOWN_IN_JSON = frozenset(OutcomeKind) - {OutcomeKind.EXPIRED, OutcomeKind.PARKED, OutcomeKind.LOST}
