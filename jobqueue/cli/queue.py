"""``jobqueue queue``."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar, get_args

import click

from jobqueue.app import JobQueue
from jobqueue.cli.clearing import clean, drain, obliterate
from jobqueue.cli.main import Group
from jobqueue.cli.options import connected, json_option
from jobqueue.cli.output import (
    ago,
    busy_worker_members,
    print_facts,
    print_json,
    print_table,
    queue_members,
    shortened,
    worker_text,
)
from jobqueue.cli.search import check_queue
from jobqueue.durations import format_duration
from jobqueue.errors import InvalidOption
from jobqueue.job import JobInfo
from jobqueue.limits import Limits, OnFull, RateLimit
from jobqueue.store import rules
from jobqueue.store.inspect import overview

Command = TypeVar("Command", bound=Callable[..., Any])

NO_LIMIT: Final = object()
"""What stands for ``none`` at the prompt."""


class Limit(click.ParamType[Any]):
    """A limit, or ``none``."""

    def __init__(self, name: str, read: Callable[[str], Any]) -> None:
        self.name = name
        self._read = read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the limit."""
        if not isinstance(value, str):
            return value
        if value == "none":
            return NO_LIMIT
        try:
            return self._read(value)
        except InvalidOption as error:
            self.fail(str(error), param, ctx)
        except ValueError:
            self.fail(f"{value!r} is not {self.name}, nor 'none'", param, ctx)


def part_options(command: Command) -> Command:
    """Give a command the options --key and --task."""
    command = click.option("--task", help="Only the jobs of this task.")(command)
    return click.option("--key", help="Only the jobs of this key.")(command)


@click.group("queue", cls=Group)
def command() -> None:
    """List, show, pause, limit and empty queues."""


for inner in (drain, clean, obliterate):
    command.add_command(inner)


@command.command("list")
@json_option
@connected
def list_queues(jobs: JobQueue, as_json: bool) -> None:
    """List all queues that were ever used."""
    queues = jobs.connections.run_many([overview(jobs.keys(name)) for name in jobs.queues()])
    if as_json:
        print_json([queue_members(queue) for queue in queues])
        return
    rows = [
        [queue.name, "paused" if queue.paused else "running", str(sum(queue.counts.values())), str(len(queue.workers))]
        for queue in queues
    ]
    print_table(["QUEUE", "STATE", "JOBS", "WORKERS"], rows, right=["JOBS", "WORKERS"])


@command.command("show", short_help="Show everything about a queue.")
@click.argument("name")
@json_option
@connected
def show_queue(jobs: JobQueue, name: str, as_json: bool) -> None:
    """Show everything about a queue: its counts, its limits, what is paused, its workers."""
    check_queue(jobs, name)
    queue = jobs.queue(name)
    info, limits, paused = queue.info(), queue.limits(), queue.paused_parts()
    running: dict[str, list[JobInfo]] = {}
    for job in queue.jobs("active"):
        running.setdefault(job.worker, []).append(job)
    if as_json:
        members = {
            **queue_members(info),
            "workers": [busy_worker_members(worker, running.get(worker.id, []), info.now) for worker in info.workers],
            "limits": _limit_members(limits, paused),
            "paused_parts": paused,
        }
        print_json(members)
        return
    age = info.oldest_age
    counts = {state.value: f"{count:,}" for state, count in info.counts.items()}
    counts["waiting"] += f" ({info.parked:,} of them parked)" if info.parked else ""
    state = click.style("paused", fg="yellow") if info.paused else "running"
    print_facts(
        {"queue": name, "state": state, **counts, "oldest": "" if age is None else f"waits {format_duration(age)}"}
    )
    if limits or paused:
        click.echo()
        _show_limits(limits, paused, as_json=False)
    click.echo()
    if not info.workers:
        click.echo("no workers")
        return
    rows = [
        [
            worker_text(worker),
            ago(worker.started_at, info.now),
            f"{len(running.get(worker.id, []))}/{worker.concurrency}",
            shortened(", ".join(f"{job.task} {job.id}" for job in running.get(worker.id, [])) or "-", 60),
        ]
        for worker in info.workers
    ]
    print_table(["WORKER", "STARTED", "BUSY", "RUNNING"], rows, right=["BUSY"])


@command.command("pause", short_help="Keep the jobs of a queue from starting.")
@click.argument("name")
@part_options
@json_option
@connected
def pause(jobs: JobQueue, name: str, key: str | None, task: str | None, as_json: bool) -> None:
    """Keep the jobs of a queue from starting, or those of one key or task. Those that run go on; new ones wait."""
    check_queue(jobs, name)
    changed = jobs.queue(name).pause(key=key, task=task)
    _report(name, key, task, "paused", changed, as_json)


@command.command("resume", short_help="Let the jobs of a paused queue start again.")
@click.argument("name")
@part_options
@json_option
@connected
def resume(jobs: JobQueue, name: str, key: str | None, task: str | None, as_json: bool) -> None:
    """Let the jobs of a paused queue start again, or those of one key or task."""
    check_queue(jobs, name)
    changed = jobs.queue(name).resume(key=key, task=task)
    _report(name, key, task, "running", changed, as_json)


@command.command("limit", short_help="Show or change what a queue is limited to.")
@click.argument("name")
@click.option("--key", help="Limit the jobs of this key; '*' limits each key that has no limits of its own.")
@click.option("--task", help="Limit the jobs of this task.")
@click.option("--concurrency", type=Limit("a whole number", int), help="How many run at once, on all workers together.")
@click.option(
    "--rate", type=Limit("100/s, 500/m, 10/h or 20/30", RateLimit.parse), help="How many start: 100/s, 500/m."
)
@click.option("--burst", type=click.IntRange(1), help="How many may start at once; needs --rate.")
@click.option("--max-size", type=Limit("a whole number", int), help="How many may be enqueued that have not begun.")
@click.option("--on-full", type=click.Choice(get_args(OnFull)), help="What becomes of one job more.")
@click.option("--weight", type=Limit("a number", float), help="How many turns a key gets for each of the others.")
@click.option("--reset", is_flag=True, help="Back to what the code of the application says.")
@json_option
@connected
def limit(
    jobs: JobQueue,
    name: str,
    key: str | None,
    task: str | None,
    burst: int | None,
    reset: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Show what a queue is limited to, or change it, for all workers and producers at once; 'none' takes a limit away.

    A change holds until it is changed again or reset, whatever the code of the application says.
    """
    check_queue(jobs, name)
    queue = jobs.queue(name)
    limits: dict[str, Any] = {
        field: None if value is NO_LIMIT else value for field, value in given.items() if value is not None
    }
    if reset and limits:
        raise click.UsageError("--reset takes all limits back, so it goes with no other")
    if burst is not None:
        if not isinstance(rate := limits.get("rate"), RateLimit):
            raise click.UsageError("--burst belongs to a rate: give --rate as well")
        limits["rate"] = RateLimit(rate.limit, rate.per, burst)
    if reset:
        queue.reset_limits(key=key, task=task)
    elif limits:
        queue.limit(key=key, task=task, **limits)
    _show_limits(queue.limits(), queue.paused_parts(), as_json)


@command.command("events", short_help="Keep what happens to the jobs of a queue, or do not.")
@click.argument("name")
@click.argument("switch", type=click.Choice(["on", "off"]), metavar="on|off")
@json_option
@connected
def events(jobs: JobQueue, name: str, switch: str, as_json: bool) -> None:
    """Keep what happens to the jobs of a queue from now on, or do not: `jobqueue events` shows it.

    What is kept is bounded. It makes each call that enqueues or runs jobs a little slower.
    """
    check_queue(jobs, name)
    jobs.queue(name).keep_events(switch == "on")
    if as_json:
        print_json({"queue": name, "events": switch})
    else:
        click.echo(f"queue {name} keeps {'events' if switch == 'on' else 'no events any more'}")


def _show_limits(limits: Mapping[str, Limits], paused: Sequence[str], as_json: bool) -> None:
    if as_json:
        print_json(_limit_members(limits, paused))
        return
    if not limits and not paused:
        click.echo("no limits")
        return
    columns = ["OF", "CONCURRENCY", "RATE", "MAX SIZE", "ON FULL", "WEIGHT", "STATE"]
    rows = []
    for gate in sorted({*limits, *paused}):
        texts = texts_of(limits.get(gate, Limits()))
        cells = [str(texts.get(name, "-")) for name in ("concurrency", "rate", "max_size", "on_full", "weight")]
        state = click.style("paused", fg="yellow") if gate in paused else "running"
        rows.append(["each key" if gate == rules.EACH_KEY else gate.replace(":", " ", 1), *cells, state])
    print_table(columns, rows)


def _limit_members(limits: Mapping[str, Limits], paused: Sequence[str]) -> Mapping[str, Any]:
    members = {gate: {**texts_of(found), "paused": gate in paused} for gate, found in limits.items()}
    return {**{gate: {"paused": True} for gate in paused if gate not in limits}, **members}


def texts_of(limits: Limits) -> dict[str, Any]:
    """Return the limits that there are, as they are shown."""
    found = {
        "concurrency": limits.concurrency,
        "rate": None if limits.rate is None else str(limits.rate),
        "max_size": limits.max_size,
        "on_full": limits.on_full,
        "weight": limits.weight,
    }
    return {name: value for name, value in found.items() if value is not None}


def _report(name: str, key: str | None, task: str | None, state: str, changed: bool, as_json: bool) -> None:
    part = {"key": key} if key is not None else {"task": task} if task is not None else {}
    if as_json:
        print_json({"queue": name, **part, "state": state, "changed": changed})
    else:
        what = "".join(f"{kind} {value} of " for kind, value in part.items())
        click.echo(f"{what}queue {name} is {state}" + ("" if changed else " already"))
