"""``jobqueue enqueue``."""

import time
from typing import Any, cast

import click
from pydantic_core import from_json

from jobqueue.app import JobQueue
from jobqueue.cli.load import load_beside
from jobqueue.cli.options import Duration, connected, json_option
from jobqueue.cli.output import job_detail, print_json
from jobqueue.cli.search import handles
from jobqueue.errors import InvalidArguments, ResultTimeout, suggestion
from jobqueue.handle import JobHandle
from jobqueue.job import JobState
from jobqueue.options import EnqueueOptions
from jobqueue.task import Draft

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
    texts = _texts(arguments)
    values = _object(object_text) | {name: _value(text) for name, text in texts.items()}
    options: dict[str, Any] = {
        "queue": queue,
        "id": job_id,
        "delay": delay,
        "priority": priority,
        "lifo": lifo,
        "key": key,
        "expires": expires,
        "after": handles(jobs, after, None) if after else None,
    }
    given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    if app is None:
        target = jobs
        draft = jobs.draft_by_name(task, values, cast("EnqueueOptions", {"queue": jobs.settings.queue, **given}))
    else:
        application, target = load_beside(app, jobs)
        draft = _draft(application, task, values, texts, given)
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


def _texts(arguments: tuple[str, ...]) -> dict[str, str]:
    texts: dict[str, str] = {}
    for argument in arguments:
        name, equals, text = argument.partition("=")
        if not equals or not name:
            raise click.UsageError(
                f"argument {argument!r} is not NAME=VALUE: write the parameter's name too, as in a=3"
            )
        if name in texts:
            raise click.UsageError(f"argument {name!r} is given twice")
        texts[name] = text
    return texts


def _object(text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    try:
        values = from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise click.UsageError(f"--args {text!r} is not JSON: {error}") from None
    if not isinstance(values, dict):
        raise click.UsageError(f"--args {text!r} is not a JSON object with the arguments by name")
    return values


def _value(text: str) -> Any:
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError:
        return text


def _draft(
    application: JobQueue, name: str, values: dict[str, Any], texts: dict[str, str], options: dict[str, Any]
) -> Draft[Any]:
    task = application.task_named(name).using(**options)
    try:
        return task.draft_json(values, name=name)
    except InvalidArguments as error:
        # What reads as a number may be meant as a text: the annotations say which.
        try:
            return task.draft_json(values | texts, name=name)
        except InvalidArguments:
            raise error from None


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
