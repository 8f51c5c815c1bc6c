"""``jobqueue bench``."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import click

from jobqueue.app import JobQueue
from jobqueue.cli.bench_run import Bench, Figures, Latency, Rate
from jobqueue.cli.options import Duration, connected, json_option
from jobqueue.cli.output import print_json, print_table
from jobqueue.names import new_id
from jobqueue.version import __version__


@click.command("bench")
@click.option(
    "-n",
    "--jobs",
    "count",
    default=20_000,
    show_default=True,
    type=click.IntRange(100, 1_000_000),
    help="How many no-op jobs.",
)
@click.option(
    "--seconds", default="5s", show_default=True, type=Duration(), help="How long each of the four parts may take."
)
@json_option
@connected
def command(jobs: JobQueue, count: int, seconds: float, as_json: bool) -> None:
    """Measure how fast it is, on this server: enqueueing, one worker process, lone jobs.

    The jobs do nothing. Their keys have a prefix of their own: the one that is given, -bench- and a random name. They
    are removed at the end, also after Ctrl-C. Other work on the server and on this machine makes the figures worse,
    and the bench makes that work slower: measure where nobody minds.
    """
    if jobs.url.startswith("memory://"):
        raise click.UsageError("memory:// is inside one process, and the worker runs in another: name a server")
    if not 0.1 <= seconds <= 3600:
        raise click.BadParameter("give each part 0.1 s to 1 h", param_hint="'--seconds'")
    prefix = f"{jobs.settings.prefix}-bench-{new_id()}"
    where = jobs.connections.server.where
    bench = Bench(jobs.url, prefix)
    bench.check()
    if not as_json:
        click.echo(f"server {where}; keys begin with {prefix}; one worker process")
    found = bench.run(count, seconds)
    if as_json:
        print_json({"server": where, "version": __version__, **members(found)})
    else:
        _print(found)


def members(found: Figures) -> Mapping[str, Any]:
    """Return the figures as they are shown in JSON: rates in jobs per second, times in seconds."""
    return {
        "enqueue_one_by_one": _rate_members(found.one_by_one),
        "enqueue_bulk": _rate_members(found.bulk),
        "drain": _rate_members(found.drain),
        "lone_start": asdict(found.start),
        "lone_result": asdict(found.result),
    }


def _rate_members(rate: Rate) -> Mapping[str, Any]:
    return {**asdict(rate), "per_second": round(rate.per_second, 1)}


def _print(found: Figures) -> None:
    rates = {
        "enqueue, one by one": found.one_by_one,
        "enqueue, in bulk": found.bulk,
        "run no-op jobs that wait": found.drain,
    }
    click.echo()
    print_table(
        ("", "jobs", "seconds", "jobs/s"),
        [(name, f"{rate.jobs:,}", f"{rate.seconds:.2f}", f"{rate.per_second:,.0f}") for name, rate in rates.items()],
        right=("jobs", "seconds", "jobs/s"),
    )
    click.echo()
    print_table(
        ("a lone job, in ms", "jobs", "p50", "p95", "p99"),
        [_times("from enqueue to its start", found.start), _times("from enqueue to its result", found.result)],
        right=("jobs", "p50", "p95", "p99"),
    )


def _times(name: str, times: Latency) -> tuple[str, ...]:
    return (name, f"{times.count:,}", *(f"{value * 1000:.2f}" for value in (times.p50, times.p95, times.p99)))
