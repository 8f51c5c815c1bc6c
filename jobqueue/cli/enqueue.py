"""``jobqueue enqueue``."""

import time
from typing import Any, get_args

import click

from jobqueue.app import JobQueue
from jobqueue.cli.drafting import drafted
from jobqueue.cli.options import Duration, connected, json_option
from jobqueue.cli.output import job_detail, print_json
from jobqueue.cli.search import handles
from jobqueue.durability import Durability
from jobqueue.errors import ResultTimeout, suggestion
from jobqueue.handle import JobHandle
from jobqueue.job import JobState

PATIENCE = 2.0
"""Seconds after which whoever waits for a result is told why there is none yet."""


@click.command("enqueue")
@click.argument("task")
@click.argument("arguments", metavar="[NAME=VALUE]...", nargs=-1)
@click.option("-A", "--app", "app", metavar="MODULE:NAME", help="Check the arguments with this application's task.")
@click.option("-q", "--queue", help="The queue.  [default: that of the task with --app, else 'default']")
@click.option("--args", "object_text", metavar="JSON", help="The arguments as a JSON object.")
@click.option("--id", "job_id", help="The id of the job: enqueueing the same id twice is enqueueing it once.")
@click.option("--delay", type=Duration(), help="How long to wait before it may start: 90s, 5m, 2h.")
@click.option("--priority", type=int, help="From -1000000 to 1000000; higher goes first.")
@click.option("--lifo", is_flag=True, default=None, help="Before those of its priority that wait already.")
@click.option("--key", help="The key among whose jobs it takes its turn.")
@click.option("--expires", type=Duration(), help="Drop it if it has not started by then: 90s, 5m, 2h.")
@click.option("--after", "after", multiple=True, metavar="ID", help="A job it waits for; may be given again.")
@click.option(
    "--durability",
    type=click.Choice(get_args(Durability)),
    help="Where it must be before the command ends.  [default: that of the task with --app, else 'memory']",
)
@click.option("--wait", is_flag=True, help="Wait for the result, and print it.")
@click.option("--timeout", type=Duration(), help="How long to wait for the result at most; needs --wait.")
@json_option
@connected
def command(
    jobs: JobQueue,
    task: str,
    arguments: tuple[str, ...],
    app: str | None,
    queue: str | None,
    object_text: str | None,
    job_id: str | None,
    delay: float | None,
    priority: int | None,
    lifo: bool | None,
    key: str | None,
    expires: float | None,
    after: tuple[str, ...],
    durability: Durability | None,
    wait: bool,
    timeout: float | None,
    as_json: bool,
) -> None:
    """Enqueue a job by the name of its task.

    A value is read as JSON if it can be, else it is a text: count=3, name=Ada, tags='["a","b"]', zip='"01234"'.
    With --app, the job goes to the server and the queue that the application names.
    """
    if timeout is not None and not wait:
        raise click.UsageError("--timeout says how long to wait for the result, and needs --wait")
    options = {
        "queue": queue,
        "id": job_id,
        "delay": delay,
        "priority": priority,
        "lifo": lifo,
        "key": key,
        "expires": expires,
        "after": handles(jobs, after, None) if after else None,
        "durability": durability,
    }
    target, draft = drafted(jobs, app, task, arguments, object_text, options)
    handle = target.enqueue(draft)
    try:
        _warn_if_unknown(target, handle, task)
        result = _wait(target, handle, timeout) if wait else None
    except KeyboardInterrupt:
        click.echo(f"\njob {handle.id} goes on", err=True)
        raise
    if as_json:
        members = {"id": handle.id, "queue": handle.queue, "task": task}
        print_json(members | {"result": result} if wait else members)
    elif wait:
        print_json(result)
    else:
        click.echo(handle.id)


def _wait(target: JobQueue, handle: JobHandle[Any], timeout: float | None) -> Any:
    """Wait for the result. If it does not come soon, say why: nobody is to wait without knowing for what."""
    began = time.monotonic()
    try:
        if timeout is None or timeout > PATIENCE:
            try:
                return handle.result(PATIENCE)
            except ResultTimeout:
                _explain(target, handle)
        return handle.result(None if timeout is None else max(0.0, began + timeout - time.monotonic()))
    except ResultTimeout:
        raise ResultTimeout(f"job {handle.id} has not ended within {timeout:g} s; it goes on") from None


def _explain(target: JobQueue, handle: JobHandle[Any]) -> None:
    job, queue = handle.info(), target.queue(handle.queue).info()
    paused = f"queue {queue.name!r} is paused" if queue.paused and job.state is JobState.WAITING else ""
    detail = job_detail(job, width=200) or paused
    click.echo(f"note: job {job.id} is {job.state.value}{f': {detail}' if detail else ''}", err=True)


def _warn_if_unknown(jobs: JobQueue, handle: JobHandle[Any], task: str) -> None:
    workers = jobs.queue(handle.queue).info().workers
    known = {name for worker in workers for name in worker.tasks}
    if not workers:
        click.echo(f"note: no worker takes jobs from queue {handle.queue!r} now", err=True)
    elif task not in known:
        click.echo(
            f"note: no worker of queue {handle.queue!r} knows a task {task!r} now{suggestion(task, known)}", err=True
        )
