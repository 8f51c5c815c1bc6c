"""The options that many commands have, and what they open."""

import functools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import click

from jobqueue.configuration import Configuration
from jobqueue.durations import parse_duration
from jobqueue.errors import InvalidOption
from jobqueue.store.embedded import answers, socket_path, url_of

Command = TypeVar("Command", bound=Callable[..., Any])

DATA_FOLDER = ".jobqueue"
"""The folder, below the current one, in which `jobqueue dev` keeps its server."""


EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(9998, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
"""Between which times those lie that may be given."""

MOST = 1_000_000
"""How much can be asked for by --limit."""


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


class Moment(click.ParamType[datetime]):
    """A time: 2026-11-21, 2026-11-21T09:00, with a zone or else in UTC; ``now``; or -2h, +30m from now."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Return the time, with its zone."""
        if isinstance(value, datetime):
            return value
        try:
            moment = _moment(value.strip())
        except (InvalidOption, ValueError):
            self.fail(
                f"{value!r} is not a time: write 2026-11-21T09:00, 2026-11-21T09:00+01:00, now or -2h", param, ctx
            )
        except OverflowError:
            moment = None
        # Near the ends of what dates can be, no other zone has that time, and nothing can be added to it.
        if moment is None or not EARLIEST <= moment <= LATEST:
            self.fail(f"{value!r} is outside the years {EARLIEST.year} to {LATEST.year}", param, ctx)
        return moment


def _moment(text: str) -> datetime:
    if text == "now":
        return datetime.now(UTC)
    if text[:1] in "+-" and text[1:2].isdigit():
        distance = timedelta(seconds=parse_duration(text[1:]))
        return datetime.now(UTC) + (distance if text[0] == "+" else -distance)
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def configuration() -> Configuration:
    """Return what the environment and the file of this folder say; read once for a command."""
    context = click.get_current_context(silent=True)
    if context is None:
        return Configuration.find()
    found: Configuration = context.find_root().meta.setdefault("jobqueue.configuration", None) or Configuration.find()
    context.find_root().meta["jobqueue.configuration"] = found
    return found


def setting(name: str) -> Callable[[], Any]:
    """Return the default of an option that can be configured: read when the option is not given."""
    return lambda: getattr(configuration(), name)


def connected(command: Command) -> Command:
    """Give a command the options --url and --prefix, and as first argument the application that they describe."""

    @click.option("-u", "--url", envvar="JOBQUEUE_URL", help="The Redis server.  [env: JOBQUEUE_URL, REDIS_URL]")
    @click.option(
        "--prefix", default=setting("prefix"), envvar="JOBQUEUE_PREFIX", show_default="jq", help="What keys begin with."
    )
    @functools.wraps(command)
    def wrapper(url: str | None, prefix: str, *args: Any, **kwargs: Any) -> Any:
        # Here, for the sake of `jobqueue worker`, which has its options from here too and no use for it.
        from jobqueue.app import JobQueue

        found = configuration().settings()
        jobs = JobQueue(url or url_of_environment(), prefix=prefix, signing=found.signing, encryption=found.encryption)
        try:
            return command(jobs, *args, **kwargs)
        finally:
            jobs.close()

    return wrapper  # type: ignore[return-value]  # click has no type for what takes an argument away


def json_option(command: Command) -> Command:
    """Give a command the option --json."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")(command)


def url_of_environment() -> str | None:
    """Return the URL that is configured, else that of the server that `jobqueue dev` runs in this folder."""
    return configuration().url or _running_embedded()


def _running_embedded() -> str | None:
    folder = Path(DATA_FOLDER)
    if not folder.is_dir():
        return None
    path = socket_path(folder)
    return url_of(path) if answers(path) else None
