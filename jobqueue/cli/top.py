"""``jobqueue top``."""

import shutil
import sys
import time
from collections import deque
from collections.abc import Mapping

import click

from jobqueue.app import JobQueue
from jobqueue.cli.frame import SORTS, View, coloured, draw, ended_per_second, plain
from jobqueue.cli.options import Duration, connected
from jobqueue.cli.search import check_queue
from jobqueue.durations import format_duration
from jobqueue.errors import ServerError
from jobqueue.job import JobState
from jobqueue.store.snapshot import Snapshot

LEAST_INTERVAL = 0.1

QUEUES_PER_SECOND = 200
"""How many queues are read in a second at most: with more of them there is more time between two readings."""

GROWTH_OVER = 60.0
"""Seconds over which it is seen how a queue grows."""

LEAST_GROWTH_OVER = 2.0

UNENDED = (JobState.WAITING, JobState.DELAYED, JobState.BLOCKED, JobState.ACTIVE)


@click.command("top")
@click.option("-i", "--interval", type=Duration(), default="1s", show_default=True, help="How long between two looks.")
@click.option("-q", "--queue", "queues", multiple=True, help="Only this queue; may be given again.")
@click.option(
    "--sort", type=click.Choice(list(SORTS)), default="name", show_default=True, help="What queues are sorted by."
)
@click.option("--once", is_flag=True, help="Print it once, as text; so it is without a terminal.")
@connected
def command(jobs: JobQueue, interval: float, queues: tuple[str, ...], sort: str, once: bool) -> None:
    """Watch queues, workers, running jobs and failing tasks live.

    Keys: q quits, p pauses, s sorts by the next column. Rates and times are of the current minute and the one before.
    """
    if interval < LEAST_INTERVAL:
        raise click.BadParameter(
            f"{format_duration(interval)} is less than {format_duration(LEAST_INTERVAL)}", param_hint="'--interval'"
        )
    for queue in queues:
        check_queue(jobs, queue)
    watch = Watch(jobs, queues, interval)
    watch.look()
    if once or not (sys.stdin.isatty() and sys.stdout.isatty()):
        width = shutil.get_terminal_size((120, 24)).columns
        for line in draw(watch.view(sort, once=True), width, None):
            click.echo(coloured(line).rstrip())
        return
    _live(watch, sort)


class Watch:
    """What is seen of queues from one look to the next.

    Args:
        jobs: the application.
        queues: the names of the queues; none for all.
        interval: seconds between two looks.
    """

    def __init__(self, jobs: JobQueue, queues: tuple[str, ...], interval: float) -> None:
        self._jobs = jobs
        self._chosen = queues
        self._asked_interval = interval
        self._snapshot: Snapshot | None = None
        # When it was looked, and how many jobs each queue had then that had not ended.
        self._before: deque[tuple[float, Mapping[str, int]]] = deque()
        self.trouble = ""

    @property
    def interval(self) -> float:
        """Seconds to wait until the next look."""
        count = len(self._snapshot.queues) if self._snapshot else 0
        return max(self._asked_interval, count / QUEUES_PER_SECOND)

    def look(self) -> None:
        """Look.

        Raises:
            ServerError: the server cannot be asked. What was seen before stays.
        """
        self._snapshot = snapshot = self._jobs.inspect.snapshot(self._chosen or None)
        moment = time.monotonic()
        unended = {queue.name: sum(queue.counts[state] for state in UNENDED) for queue in snapshot.queues}
        while self._before and self._before[0][0] < moment - GROWTH_OVER:
            self._before.popleft()
        self._before.append((moment, unended))

    def view(self, sort: str, *, paused: bool = False, once: bool = False) -> View:
        """Return what is to be shown."""
        assert self._snapshot is not None
        where = self._jobs.connections.server.where
        interval = None if once else self.interval
        return View(self._snapshot, where, interval, self._arrivals(self._snapshot), sort, paused, self.trouble)

    def _arrivals(self, snapshot: Snapshot) -> Mapping[str, float]:
        """Return how many jobs came in a second: those that ended, and those by which the queue has grown."""
        (first, before), (last, now) = self._before[0], self._before[-1]
        if last - first < LEAST_GROWTH_OVER:
            return {}
        return {
            name: max(0.0, ended_per_second(snapshot.stats.get(name)) + (count - before[name]) / (last - first))
            for name, count in now.items()
            if name in before
        }


def _live(watch: Watch, sort: str) -> None:
    from jobqueue.cli.screen import Ended, Screen  # needs termios, which not every system has

    paused = False
    text = plain if click.get_current_context().find_root().color is False else coloured
    try:
        with Screen() as screen:
            look_at = time.monotonic() + watch.interval
            while True:
                width, height = screen.size
                # The last column stays free: what is deleted behind it would be the character in it.
                screen.draw([text(line) for line in draw(watch.view(sort, paused=paused), width - 1, height)])
                key = screen.key(3600.0 if paused else look_at - time.monotonic())
                if key in ("q", "Q"):
                    return
                if key == "p":
                    paused = not paused
                    look_at = time.monotonic()
                elif key == "s":
                    names = list(SORTS)
                    sort = names[(names.index(sort) + 1) % len(names)]
                elif key is None and not paused:
                    try:
                        watch.look()
                        watch.trouble = ""
                    except ServerError as error:
                        watch.trouble = str(error)
                    look_at = time.monotonic() + watch.interval
    except KeyboardInterrupt:
        return  # that is how it is left
    except Ended as ended:
        raise SystemExit(128 + ended.number) from None
