"""Whether jobqueue is as fast with a long queue as with a short one."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from case import Case, Column, Figures, Options, of_ours
from contenders import Contender
from stage import Stage

from cases.drain import rate
from jobqueue import Draft, JobQueue
from jobqueue.queue import Queue

DAY = 86_400.0


@dataclass(frozen=True)
class Backlog:
    """What there is in the queue, besides the jobs that are drained.

    Attributes:
        key: its name in the raw figures.
        name: in the report.
        drafts: makes it, given the number of jobs that are drained.
        before: whether it was enqueued before them.
    """

    key: str
    name: str
    drafts: Callable[[Queue, int], Iterator[Draft[object]]]
    before: bool = False


def _plain(queue: Queue, count: int) -> Iterator[Draft[object]]:
    return (queue.draft("work") for _ in range(count))


BACKLOGS = (
    Backlog("few", "20,000 waiting", lambda queue, jobs: iter(())),
    Backlog("waiting", "1,000,000 waiting", lambda queue, jobs: _plain(queue, 49 * jobs)),
    Backlog(
        "delayed",
        "1,000,000 delayed",
        lambda queue, jobs: (queue.draft("work", delay=DAY) for _ in range(50 * jobs)),
        before=True,
    ),
    Backlog(
        "keys",
        "100,000 keys, two jobs of each waiting",
        lambda queue, jobs: (queue.draft("work", key=f"k{n % (5 * jobs)}") for n in range(10 * jobs)),
    ),
    Backlog("key", "one key", lambda queue, jobs: (queue.draft("work", key="k") for _ in range(jobs))),
)
"""The sizes are those of 20,000 jobs that are drained; with less of them they shrink."""

LONE = ("keys", "key")
"""Where only jobs of the backlog are drained."""


def measure(stage: Stage, contender: Contender, options: Options, backlog: Backlog) -> Figures:
    """Take the figures of one round."""
    stage.clear()
    jobs = JobQueue(stage.url)
    queue = jobs.queue("default")
    drained = iter(()) if backlog.key in LONE else _plain(queue, options.jobs)
    others = backlog.drafts(queue, options.jobs)
    for drafts in (others, drained) if backlog.before else (drained, others):
        while some := list(islice(drafts, 50_000)):
            jobs.enqueue_many(some)
    jobs.close()
    with stage.workers(contender) as workers:
        stage.wait(workers, options.jobs)
        times = sorted(time for each in workers.numbers() for time in each)
        _, warm = rate([times[: options.jobs]])
        return {"rate": rate([times[: options.jobs]])[0], "warm": warm}


CASE = Case(
    name="backlog",
    title="A long queue (jobqueue)",
    text="One process works off the first 20,000 no-op jobs of a queue in which there are others: a million that "
    "wait behind them, a million that are due tomorrow, or jobs of 100,000 keys, which take turns. What waits"
    " is 20,000 jobs and not 1,000 in the first row, because 1,000 are done before the worker is warm.",
    columns=(Column("rate", "jobs/s"), Column("warm", "of that the second half, jobs/s")),
    rows=of_ours(BACKLOGS, measure),
    baseline="few",
    plotted=("rate",),
)
