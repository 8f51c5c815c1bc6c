"""``jobqueue schedule``."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast, get_args

import click
from pydantic_core import to_json

from jobqueue.app import JobQueue
from jobqueue.cli.confirm import agree
from jobqueue.cli.drafting import drafted
from jobqueue.cli.main import Group
from jobqueue.cli.options import Duration, Moment, connected, json_option
from jobqueue.cli.output import ago, moment_text, print_facts, print_json, print_table, state_text
from jobqueue.cron import Cron, zone
from jobqueue.durations import format_duration
from jobqueue.errors import InvalidOption
from jobqueue.job import JobInfo
from jobqueue.schedule import Every, Missed, Overlap, Schedule
from jobqueue.schedules import slots_within
from jobqueue.store.inspect import show
from jobqueue.store.schedules import ScheduleInfo

SLOTS_SHOWN = 10
"""How many slots, and how many of the past, are shown of a schedule."""


class MissedSlots(click.ParamType[Any]):
    """What becomes of slots that nobody was there for."""

    name = "skip|last|number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Missed:
        """Return it."""
        if value in ("skip", "last"):
            return cast(Missed, value)
        if not value.isdecimal():
            self.fail(f"{value!r} is not skip, last or a number", param, ctx)
        return int(value)


@click.group("schedule", cls=Group)
def command() -> None:
    """List, add, pause, run and remove schedules, and preview cron expressions."""


@command.command("list", short_help="List schedules.")
@json_option
@connected
def list_schedules(jobs: JobQueue, as_json: bool) -> None:
    """List schedules in the order of their next slots."""
    found = jobs.schedules.list()
    if as_json:
        print_json([schedule_members(info) for info in found])
        return
    if not found:
        click.echo("no schedules")
        return
    rows = [
        [
            info.id,
            info.queue,
            info.task,
            str(info.schedule.trigger),
            _state(info),
            _next(info),
            ago(info.slots[-1].at) if info.slots else "-",
        ]
        for info in found
    ]
    print_table(["ID", "QUEUE", "TASK", "WHEN", "STATE", "NEXT", "LAST"], rows)


@command.command("show", short_help="Show everything about a schedule.")
@click.argument("schedule_id", metavar="ID")
@json_option
@connected
def show_schedule(jobs: JobQueue, schedule_id: str, as_json: bool) -> None:
    """Show everything about a schedule: what it starts, when, and what became of its latest slots."""
    info = jobs.schedules.get(schedule_id)
    keys = jobs.keys(info.queue)
    slots = list(reversed(info.slots))[:SLOTS_SHOWN]
    found = iter(jobs.connections.run_many([show(keys, slot.job) for slot in slots if slot.job]))
    states = [_job_state(next(found)) if slot.job else "-" for slot in slots]
    if as_json:
        print_json(
            {
                **schedule_members(info),
                "slots": [
                    {
                        "kind": slot.kind,
                        "at": slot.at,
                        "handled_at": slot.handled_at,
                        "job": slot.job or None,
                        "job_state": None if state == "-" else state,
                    }
                    for slot, state in zip(slots, states, strict=True)
                ],
            }
        )
        return
    schedule = info.schedule
    print_facts(
        {
            "id": info.id,
            "state": _state(info),
            "declared in": "the code of an application" if info.source == "code" else "",
            "when": str(schedule.trigger),
            "start": moment_text(schedule.start),
            "end": moment_text(schedule.end),
            "limit": f"{info.fired} of {schedule.limit} slots have fired" if schedule.limit else "",
            "jitter": format_duration(cast(float, schedule.jitter)) if schedule.jitter else "",
            "missed": str(schedule.missed),
            "overlap": schedule.overlap,
            "next": moment_text(info.next_at),
            "task": info.task,
            "queue": info.queue,
            "arguments": to_json(dict(info.args)).decode(),
            "steering": info.definition.template.steering,
            "fired": str(info.fired),
        }
    )
    if slots:
        click.echo()
        rows = [
            [moment_text(slot.at), slot.kind, slot.job or "-", state_text(state)]
            for slot, state in zip(slots, states, strict=True)
        ]
        print_table(["SLOT", "BECAME", "JOB", "STATE"], rows)


@command.command("add", short_help="Add a schedule, or change one.")
@click.argument("schedule_id", metavar="ID")
@click.argument("task")
@click.argument("arguments", metavar="[NAME=VALUE]...", nargs=-1)
@click.option("--cron", help="When, as a cron expression: '0 9 * * mon-fri'.")
@click.option("--tz", default="UTC", show_default=True, help="The time zone of the cron expression.")
@click.option("--every", type=Duration(), help="When, as a distance: 30s, 5m, 2h.")
@click.option("--start", type=Moment(), help="No slot lies before this time.")
@click.option("--end", type=Moment(), help="No slot lies after this time.")
@click.option("--limit", type=click.IntRange(1), help="How many slots fire in all.")
@click.option("--jitter", type=Duration(), default=0.0, help="By how much jobs are delayed at most.")
@click.option(
    "--missed", type=MissedSlots(), default="last", show_default=True, help="Slots that no worker was there for."
)
@click.option(
    "--overlap",
    type=click.Choice(get_args(Overlap)),
    default="allow",
    show_default=True,
    help="What becomes of a slot while jobs of earlier ones have not ended.",
)
@click.option("-A", "--app", "app", metavar="MODULE:NAME", help="Check the arguments with this application's task.")
@click.option("-q", "--queue", help="The queue.  [default: that of the task with --app, else 'default']")
@click.option("--args", "object_text", metavar="JSON", help="The arguments as a JSON object.")
@click.option("--priority", type=int, help="From -1000000 to 1000000; higher goes first.")
@click.option("--key", help="The key among whose jobs they take their turn.")
@click.option("--expires", type=Duration(), help="Drop a job if it has not started by then: 90s, 5m, 2h.")
@json_option
@connected
def add(
    jobs: JobQueue,
    schedule_id: str,
    task: str,
    arguments: tuple[str, ...],
    cron: str | None,
    tz: str,
    every: float | None,
    start: datetime | None,
    end: datetime | None,
    limit: int | None,
    jitter: float,
    missed: Missed,
    overlap: Overlap,
    app: str | None,
    queue: str | None,
    object_text: str | None,
    priority: int | None,
    key: str | None,
    expires: float | None,
    as_json: bool,
) -> None:
    """Add a schedule, or change the one of this id. Schedules that code declares are changed there."""
    if (cron is None) == (every is None):
        raise click.UsageError("say when: by --cron or by --every")
    trigger = Cron(cron, tz) if cron is not None else Every(seconds=every or 0)
    when = Schedule(trigger, start=start, end=end, limit=limit, jitter=jitter, missed=missed, overlap=overlap)
    options = {"queue": queue, "priority": priority, "key": key, "expires": expires}
    target, draft = drafted(jobs, app, task, arguments, object_text, options)
    info = target.schedules.upsert(schedule_id, draft, when)
    if as_json:
        print_json(schedule_members(info))
    else:
        click.echo(f"schedule {info.id}: {info.schedule.trigger}, next {moment_text(info.next_at) or '-'}")


@command.command("pause", short_help="Let no slot of a schedule fire.")
@click.argument("schedule_id", metavar="ID")
@json_option
@connected
def pause(jobs: JobQueue, schedule_id: str, as_json: bool) -> None:
    """Let no slot of a schedule fire until it is resumed."""
    _report(schedule_id, "paused", jobs.schedules.pause(schedule_id), jobs.schedules.get(schedule_id), as_json)


@command.command("resume", short_help="Let its slots fire again.")
@click.argument("schedule_id", metavar="ID")
@json_option
@connected
def resume(jobs: JobQueue, schedule_id: str, as_json: bool) -> None:
    """Let the slots of a paused schedule fire again, from the next one on."""
    _report(schedule_id, "active", jobs.schedules.resume(schedule_id), jobs.schedules.get(schedule_id), as_json)


@command.command("run")
@click.argument("schedule_id", metavar="ID")
@json_option
@connected
def run(jobs: JobQueue, schedule_id: str, as_json: bool) -> None:
    """Start the job of a schedule now. Its slots stay as they are."""
    handle = jobs.schedules.trigger(schedule_id)
    if as_json:
        print_json({"id": handle.id, "queue": handle.queue, "schedule": schedule_id})
    else:
        click.echo(handle.id)


@command.command("remove", short_help="Delete a schedule.")
@click.argument("schedule_id", metavar="ID")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@json_option
@connected
def remove(jobs: JobQueue, schedule_id: str, yes: bool, as_json: bool) -> None:
    """Delete a schedule. Jobs that it has started stay."""
    jobs.schedules.get(schedule_id)
    if not yes:
        agree(f"Delete schedule {schedule_id}?", "nothing was removed")
    jobs.schedules.remove(schedule_id)
    if as_json:
        print_json({"id": schedule_id, "state": "removed"})
    else:
        click.echo(f"schedule {schedule_id} is removed")


@command.command("preview", short_help="Show when a cron expression fires.")
@click.argument("expression", metavar="EXPR")
@click.option("--tz", default="UTC", show_default=True, help="The time zone in which it is meant.")
@click.option("--count", "-n", default=10, show_default=True, type=click.IntRange(1, 1000), help="How many times.")
@click.option("--from", "start", type=Moment(), help="After which time, instead of now.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def preview(expression: str, tz: str, count: int, start: datetime | None, as_json: bool) -> None:
    """Show when a cron expression fires. No server is asked."""
    slots = Schedule(Cron(expression, tz)).slots_after(start or datetime.now(UTC), count)
    if as_json:
        print_json([{"at": slot, "local": slot.astimezone(zone(tz)).isoformat()} for slot in slots])
        return
    rows = [
        [f"{slot.astimezone(zone(tz)):%a %Y-%m-%d %H:%M:%S %z}", f"{slot:%Y-%m-%d %H:%M:%S}", ago(slot)]
        for slot in slots
    ]
    print_table([tz, "UTC", ""], rows) if tz != "UTC" else print_table(["UTC", ""], [[row[0], row[2]] for row in rows])


@command.command("backfill", short_help="Start the jobs of slots of the past.")
@click.argument("schedule_id", metavar="ID")
@click.option("--from", "start", type=Moment(), required=True, help="The first time of a slot: 2026-11-01, -7d.")
@click.option("--to", "end", type=Moment(), default="now", show_default=True, help="The last one.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@json_option
@connected
def backfill(jobs: JobQueue, schedule_id: str, start: datetime, end: datetime, yes: bool, as_json: bool) -> None:
    """Start the jobs of slots of the past. Slots whose jobs are still kept are left out: it can be repeated."""
    info = jobs.schedules.get(schedule_id)
    count = len(slots_within(info.schedule, start, end))
    if not count:
        raise InvalidOption(f"schedule {schedule_id} has no slots from {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M}")
    if not yes:
        agree(f"Start the jobs of {count} slot{'s' if count > 1 else ''} of {schedule_id}?", "nothing was started")
    handles = jobs.schedules.backfill(schedule_id, start, end)
    if as_json:
        print_json({"id": schedule_id, "slots": count, "started": [handle.id for handle in handles]})
    else:
        kept = f"; {count - len(handles)} were there already" if len(handles) < count else ""
        click.echo(f"{len(handles)} of {count} slots of schedule {schedule_id} started{kept}")


def schedule_members(info: ScheduleInfo) -> Mapping[str, Any]:
    """Return a schedule as it is shown in JSON."""
    schedule = info.schedule
    cron = schedule.trigger if isinstance(schedule.trigger, Cron) else None
    every = schedule.trigger if isinstance(schedule.trigger, Every) else None
    return {
        "id": info.id,
        "queue": info.queue,
        "task": info.task,
        "args": dict(info.args),
        "cron": cron and cron.expression,
        "tz": cron and cron.tz,
        "every_seconds": every and every.milliseconds / 1000,
        "start": schedule.start,
        "end": schedule.end,
        "limit": schedule.limit,
        "jitter_seconds": schedule.jitter,
        "missed": schedule.missed,
        "overlap": schedule.overlap,
        "source": info.source,
        "state": info.state,
        "next_at": info.next_at,
        "fired": info.fired,
    }


def _report(schedule_id: str, state: str, changed: bool, info: ScheduleInfo, as_json: bool) -> None:
    if as_json:
        print_json({"id": schedule_id, "state": info.state, "changed": changed, "next_at": info.next_at})
        return
    already = "" if changed else " already" if info.state == state else ", and was left so"
    following = f"; next {moment_text(info.next_at)}" if info.next_at else ""
    click.echo(f"schedule {schedule_id} is {info.state}{already}{following}")


def _state(info: ScheduleInfo) -> str:
    return click.style(info.state, fg="green" if info.state == "active" else "yellow")


def _next(info: ScheduleInfo) -> str:
    if info.next_at is None:
        return "-"
    late = info.next_at < datetime.now(UTC)
    return click.style(f"overdue: {ago(info.next_at)}", fg="red") if late else ago(info.next_at)


def _job_state(job: JobInfo | None) -> str:
    return "gone" if job is None else job.state.value
