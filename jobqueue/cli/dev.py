"""``jobqueue dev``."""

import os
import sys
from pathlib import Path

import click

from jobqueue.cli.options import DATA_FOLDER, setting
from jobqueue.cli.servers import found_server
from jobqueue.cli.worker import make_assignment, worker_options
from jobqueue.worker.logging import set_up_logging
from jobqueue.worker.reload import SourceWatch
from jobqueue.worker.supervisor import Supervisor


@click.command("dev")
@click.argument("app", metavar="MODULE:NAME", envvar="JOBQUEUE_APP", default=setting("app"))
@worker_options
@click.option("--reload/--no-reload", default=True, show_default=True, help="Restart when a Python file changes.")
def command(
    app: str | None,
    queues: tuple[str, ...],
    processes: int,
    concurrency: int,
    shutdown_timeout: float,
    log_level: str,
    log_format: str,
    reload: bool,
) -> None:
    """Run an application's worker for development.

    If $JOBQUEUE_URL and $REDIS_URL are not set and no server answers on the local port, one is started. It keeps its
    data in the folder .jobqueue, is shared by all who are started in this folder, and ends with the last of them.
    """
    assignment = make_assignment(app, queues, concurrency, shutdown_timeout, log_level, log_format)
    set_up_logging(log_level, log_format)
    with found_server(Path(DATA_FOLDER)) as server:
        os.environ["JOBQUEUE_URL"] = server.url
        click.echo(f"using {server.what}", err=True)
        if server.news:
            click.echo(f"elsewhere: export JOBQUEUE_URL={server.url}", err=True)
        code = Supervisor(assignment, processes, SourceWatch(Path.cwd()) if reload else None).run()
    sys.exit(code)
