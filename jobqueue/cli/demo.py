"""``jobqueue demo``: one job per file of a folder, and at the end a check of every result."""

import os
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import click

from jobqueue.cli.demo_run import STOP_TIMEOUT, Demo
from jobqueue.cli.demo_tasks import jobs
from jobqueue.cli.main import EXIT_FAILED
from jobqueue.cli.servers import found_server
from jobqueue.errors import ServerUnavailable
from jobqueue.names import new_id
from jobqueue.worker.assignment import Assignment
from jobqueue.worker.logging import set_up_logging
from jobqueue.worker.reference import AppReference
from jobqueue.worker.supervisor import Supervisor
from jobqueue.worker.worker import Worker

PROBLEMS_SHOWN = 10
"""How many wrong results are named."""


@click.command("demo")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path), required=False)
@click.option("-p", "--processes", default=2, show_default=True, type=click.IntRange(1, 32), help="Worker processes.")
@click.option(
    "-n", "--limit", default=1000, show_default=True, type=click.IntRange(1, 1_000_000), help="How many files at most."
)
def command(folder: Path | None, processes: int, limit: int) -> None:
    """See it work: compute digest, size and number of lines of each file of a folder.

    The default folder is Python's standard library. Some jobs fail once and are retried, one fails for good, one is
    delayed. At the end every result is compared with a direct computation.
    """
    place = folder or Path(sysconfig.get_paths()["stdlib"])
    files = list(islice(_files(place, only_python=folder is None), limit))
    if not files:
        raise click.UsageError(f"folder {str(place)!r} has no file that can be read")
    with found_server(None) as server:
        os.environ["JOBQUEUE_URL"] = server.url
        jobs.queues()  # a server that cannot be reached is found out before processes are started
        # The failures that are part of the show are no news.
        set_up_logging("error" if server.shared else "critical", "text")
        where = f"{processes} worker processes" if server.shared else "a worker in this process"
        click.echo(f"{len(files)} files of {place}; {server.what}; {where}")
        problems = _show(Demo(files, queue=f"demo-{new_id()}"), processes if server.shared else 0)
    for problem in problems[:PROBLEMS_SHOWN]:
        click.echo(click.style(f"WRONG: {problem}", fg="red"), err=True)
    if len(problems) > PROBLEMS_SHOWN:
        click.echo(f"... and {len(problems) - PROBLEMS_SHOWN} more", err=True)
    if not problems:
        click.echo(click.style("every result is what a direct computation gives", fg="green"))
    sys.exit(EXIT_FAILED if problems else 0)


def _show(demo: Demo, processes: int) -> list[str]:
    """Run the demo, report, leave nothing behind, and return what is wrong."""
    reachable = True
    try:
        if processes:
            _run_with_processes(demo, processes)
        else:
            _run_in_this_process(demo)
        return demo.report()
    except ServerUnavailable:
        reachable = False
        raise
    finally:
        if reachable:
            demo.clean_up()
        jobs.close()


def _run_with_processes(demo: Demo, processes: int) -> None:
    reference = AppReference("jobqueue.cli.demo_tasks", "", "jobs", (str(Path.cwd()),))
    assignment = Assignment(reference.to_json().decode(), (demo.queue,), 10, False, 2.0, "critical", "text")
    supervisor = Supervisor(assignment, processes)
    _drive(demo, supervisor.run, supervisor.stop)


def _run_in_this_process(demo: Demo) -> None:
    worker = Worker(jobs, queues=[demo.queue], concurrency=10, shutdown_timeout=2)
    _drive(demo, worker.run, worker.stop)


def _drive(demo: Demo, run: Callable[[], int | None], stop: Callable[[], None]) -> None:
    """Run the demo in a thread, because workers want the main one for their signals.

    Raises:
        KeyboardInterrupt: a signal has stopped the workers before the demo had come to its end.
    """
    finished = threading.Event()
    failure: list[BaseException] = []

    def drive() -> None:
        try:
            if demo.run():
                finished.set()
        except BaseException as error:  # it is raised again where it can be seen
            failure.append(error)
        finally:
            stop()

    thread = threading.Thread(target=drive, name="demo", daemon=True)
    try:
        thread.start()
        code = run()
    finally:
        # Also if a signal came before the workers could heed it: nothing may be enqueued after the cleaning.
        if not finished.is_set():
            demo.stop()
        if thread.is_alive():
            thread.join(STOP_TIMEOUT)
    if failure:
        raise failure[0]
    if code:
        raise click.ClickException("the worker processes did not start: see above")
    if not finished.is_set():
        raise KeyboardInterrupt


def _files(folder: Path, only_python: bool) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith((".", "__")) and name not in ("site-packages", "test", "tests")
        )
        for name in sorted(names):
            path = Path(place, name)
            if (not only_python or path.suffix == ".py") and path.is_file() and _usable(path):
                yield path


def _usable(path: Path) -> bool:
    """Tell whether a job can be given a path, which is a text, and can read what is there."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return os.access(path, os.R_OK)
