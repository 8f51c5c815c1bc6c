"""The options that many commands have, and what they open."""

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from jobqueue.app import JobQueue
from jobqueue.durations import parse_duration
from jobqueue.errors import InvalidOption
from jobqueue.store.embedded import answers, socket_path, url_of

Command = TypeVar("Command", bound=Callable[..., Any])

DATA_FOLDER = ".jobqueue"
"""The folder, below the current one, in which `jobqueue dev` keeps its server."""


class Duration(click.ParamType[float]):
    """A length of time, such as 90s, 5m or 2h."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the seconds."""
        if isinstance(value, int | float):
            return float(value)
        try:
            return parse_duration(value)
        except InvalidOption as error:
            self.fail(str(error), param, ctx)


def connected(command: Command) -> Command:
    """Give a command the options --url and --prefix, and as first argument the application that they describe."""

    @click.option("-u", "--url", envvar="JOBQUEUE_URL", help="The Redis server.  [env: JOBQUEUE_URL, REDIS_URL]")
    @click.option("--prefix", default="jq", envvar="JOBQUEUE_PREFIX", show_default=True, help="What keys begin with.")
    @functools.wraps(command)
    def wrapper(url: str | None, prefix: str, *args: Any, **kwargs: Any) -> Any:
        jobs = JobQueue(url or url_of_environment(), prefix=prefix)
        try:
            return command(jobs, *args, **kwargs)
        finally:
            jobs.close()

    return wrapper  # type: ignore[return-value]  # click has no type for what takes an argument away


def json_option(command: Command) -> Command:
    """Give a command the option --json."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")(command)


def url_of_environment() -> str | None:
    """Return the URL that the environment names, else that of the server that `jobqueue dev` runs in this folder."""
    return os.environ.get("JOBQUEUE_URL") or os.environ.get("REDIS_URL") or _running_embedded()


def _running_embedded() -> str | None:
    folder = Path(DATA_FOLDER)
    if not folder.is_dir():
        return None
    path = socket_path(folder)
    return url_of(path) if answers(path) else None
