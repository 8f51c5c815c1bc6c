"""``jobqueue worker``."""

import os
import sys
from pathlib import Path
from typing import Any

import click

from jobqueue.cli.options import Duration, setting, url_of_environment
from jobqueue.configuration import default_of, mistyped
from jobqueue.names import check_name
from jobqueue.worker.assignment import Assignment
from jobqueue.worker.logging import set_up_logging
from jobqueue.worker.reference import AppReference
from jobqueue.worker.reload import SourceWatch
from jobqueue.worker.supervisor import Supervisor


def worker_options(command: Any) -> Any:
    """Give a command the options of a worker."""
    for option in (
        click.option(
            "--log-format", type=click.Choice(["text", "json"]), default=setting("log_format"), show_default="text",
            envvar="JOBQUEUE_LOG_FORMAT", help="Lines for people, or JSON objects.",
        ),
        click.option(
            "-l", "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default=setting("log_level"),
            show_default="info", envvar="JOBQUEUE_LOG_LEVEL", help="What is logged; debug has a line for every job.",
        ),
        click.option(
            "--shutdown-timeout", type=Duration(), default=setting("shutdown_timeout"), show_default="30s",
            envvar="JOBQUEUE_SHUTDOWN_TIMEOUT", help="How long running jobs have to end when the worker stops.",
        ),
        click.option(
            "-c", "--concurrency", type=click.IntRange(1, 10_000), default=setting("concurrency"),
            show_default=str(default_of("concurrency")),
            envvar="JOBQUEUE_CONCURRENCY", help="How many jobs each process runs at once.",
        ),
        click.option(
            "-p", "--processes", type=click.IntRange(1, 256), default=setting("processes"), show_default="1",
            envvar="JOBQUEUE_PROCESSES", help="How many processes run jobs.",
        ),
        click.option(
            "-q", "--queues", metavar="A,B", multiple=True, default=setting("queues"), envvar="JOBQUEUE_QUEUES",
            help="The queues to take jobs from.  [default: those of the application's tasks]",
        ),
    ):  # fmt: skip
        command = option(command)
    return command


@click.command("worker")
@click.argument("app", metavar="MODULE:NAME", envvar="JOBQUEUE_APP", default=setting("app"))
@worker_options
@click.option("-b", "--burst", is_flag=True, help="End when no job is waiting any more.")
@click.option("--reload", is_flag=True, help="Restart when a Python file below this folder changes.")
def command(
    app: str | None,
    queues: tuple[str, ...],
    processes: int,
    concurrency: int,
    shutdown_timeout: float,
    log_level: str,
    log_format: str,
    burst: bool,
    reload: bool,
) -> None:
    """Run the jobs of an application, such as app:jobs.

    The server is the one that the application names: JobQueue("redis://..."); else it is found as by other commands.

    SIGTERM or Ctrl-C stops it when the running jobs have ended; what has not ended after --shutdown-timeout is
    interrupted and handed back. A second signal interrupts at once.
    """
    assignment = make_assignment(app, queues, concurrency, shutdown_timeout, log_level, log_format, burst=burst)
    set_up_logging(log_level, log_format)
    if url := url_of_environment():
        os.environ["JOBQUEUE_URL"] = url
    watch = SourceWatch(Path.cwd()) if reload else None
    sys.exit(Supervisor(assignment, processes, watch).run())


def make_assignment(
    app: str | None,
    queues: tuple[str, ...],
    concurrency: int,
    shutdown_timeout: float,
    log_level: str,
    log_format: str,
    *,
    burst: bool = False,
) -> Assignment:
    """Return what the worker processes are to do."""
    for text in mistyped(os.environ):
        click.echo(f"note: {text}", err=True)
    if app is None:
        raise click.UsageError("Missing argument 'MODULE:NAME': which application, such as app:jobs?")
    names = [name.strip() for given in queues for name in given.split(",") if name.strip()]
    if queues and not names:
        raise click.UsageError(f"--queues {','.join(queues)!r} names no queue: leave it out for those of the tasks")
    return Assignment(
        app=AppReference.parse(app, str(Path.cwd())).to_json().decode(),
        queues=tuple(check_name(name, "queue") for name in names),
        concurrency=concurrency,
        burst=burst,
        shutdown_timeout=shutdown_timeout,
        log_level=log_level,
        log_format=log_format,
    )
