"""``jobqueue status``."""

from datetime import UTC, datetime

import click

from jobqueue.app import JobQueue
from jobqueue.cli.options import connected, json_option
from jobqueue.cli.output import ago, busy_worker_members, print_json, print_table, queue_members, worker_text
from jobqueue.cli.search import list_all
from jobqueue.durations import format_duration
from jobqueue.job import JobInfo
from jobqueue.store.inspect import QueueInfo, WorkerInfo, overview

RUNNING_SHOWN = 3
"""How many of the jobs that a worker runs are named in the table."""


@click.command("status")
@json_option
@connected
def command(jobs: JobQueue, as_json: bool) -> None:
    """Show queues with their jobs by state, and workers with what they run."""
    names = jobs.queues()
    queues = jobs.connections.run_many([overview(jobs.keys(name)) for name in names])
    running: dict[str, list[JobInfo]] = {}
    for job in list_all(jobs, None, "active", None):
        running.setdefault(job.worker, []).append(job)
    # A process that works on several queues is registered in each.
    workers = {worker.id: worker for queue in queues for worker in queue.workers}
    now = queues[0].now if queues else datetime.now(UTC)

    if as_json:
        print_json(
            {
                "server": jobs.connections.server.where,
                "queues": [queue_members(queue) for queue in queues],
                "workers": [
                    busy_worker_members(worker, running.get(worker.id, []), now) for worker in workers.values()
                ],
            }
        )
        return
    if not queues:
        click.echo(f"no queue has been used at {jobs.connections.server.where} yet")
        return
    _print_queues(queues)
    click.echo()
    _print_workers(list(workers.values()), running, now)


def _print_queues(queues: list[QueueInfo]) -> None:
    states = list(queues[0].counts)
    columns = ["QUEUE", *(state.value.upper() for state in states), "OLDEST WAITING"]
    rows = []
    for queue in queues:
        name = queue.name + (click.style(" (paused)", fg="yellow") if queue.paused else "")
        counts = [
            click.style(str(count), fg="red") if state.value == "failed" and count else str(count)
            for state, count in queue.counts.items()
        ]
        oldest = "-" if queue.oldest_age is None else format_duration(queue.oldest_age)
        if queue.parked:
            oldest += click.style(f"  ({queue.parked} parked: they wait for a worker that knows them)", fg="yellow")
        rows.append([name, *counts, oldest])
    print_table(columns, rows, right=[state.value.upper() for state in states])


def _print_workers(workers: list[WorkerInfo], running: dict[str, list[JobInfo]], now: datetime) -> None:
    if not workers:
        click.echo(click.style("no worker is running", fg="yellow"))
        return
    rows = []
    for worker in workers:
        jobs = running.get(worker.id, [])
        oldest = sorted(jobs, key=lambda job: job.token)[:RUNNING_SHOWN]
        shown = [f"{job.task} {job.id} (started {ago(job.started_at, now)})" for job in oldest]
        more = f" and {len(jobs) - RUNNING_SHOWN} more" if len(jobs) > RUNNING_SHOWN else ""
        rows.append(
            [
                worker_text(worker),
                ",".join(worker.queues),
                ago(worker.started_at),
                f"{len(jobs)}/{worker.concurrency}",
                (", ".join(shown) + more) or "-",
            ]
        )
    print_table(["WORKER", "QUEUES", "STARTED", "BUSY", "RUNNING"], rows)
