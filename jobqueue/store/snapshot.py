"""How all queues stand at one moment, read in one round trip: for those who look again and again."""

from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jobqueue.job import moment
from jobqueue.store.call import Call, run_script
from jobqueue.store.inspect import QueueInfo, WorkerInfo, overview
from jobqueue.store.keys import QueueKeys
from jobqueue.store.script import script
from jobqueue.store.stats import Stats, Tallies, add_page, read_stats, stats_of

LOOKED_AT = 1000
"""How many active jobs of a queue are looked at."""

WINDOW = 60.0
"""Seconds that figures are of, and up to a minute more: the current minute and the one before."""


@dataclass(frozen=True, slots=True)
class RunningJob:
    """A job that runs.

    Attributes:
        id: its id.
        queue: its queue.
        task: its task.
        worker: who runs it.
        started_at: since when.
    """

    id: str
    queue: str
    task: str
    worker: str
    started_at: datetime


@dataclass(frozen=True, slots=True)
class Busy:
    """Who runs how much of a queue.

    Attributes:
        complete: whether all active jobs were looked at; else there are more.
        workers: how many jobs each worker runs.
        oldest: those that have run for longest.
    """

    complete: bool
    workers: Mapping[str, int]
    oldest: tuple[RunningJob, ...]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """How queues stand at one moment.

    Attributes:
        queues: the queues by name.
        workers: all workers by id.
        busy: how many jobs each worker runs.
        complete: whether all active jobs were counted for ``busy``.
        running: the jobs that have run for longest.
        stats: the figures of each queue, of the current minute and the one before.
        tasks: those of each task in each queue.
    """

    queues: tuple[QueueInfo, ...]
    workers: tuple[WorkerInfo, ...]
    busy: Mapping[str, int]
    complete: bool
    running: tuple[RunningJob, ...]
    stats: Mapping[str, Stats]
    tasks: tuple[Stats, ...]


def busy(keys: QueueKeys, count: int) -> Call[Busy]:
    """Read who runs how many jobs, and which of them have run for longest.

    Args:
        keys: the queue.
        count: how many of those.
    """
    return run_script(script("running"), keys, (count, LOOKED_AT), lambda reply: _busy(keys.queue, reply))


def gather_snapshot(queues: Sequence[QueueKeys], running: int) -> Generator[list[Call[Any]], list[Any], Snapshot]:
    """Read how queues stand, with three commands for each: a generator of calls, for ``Connections.follow``.

    Args:
        queues: the queues.
        running: how many of the running jobs, those that have run for longest.
    """
    calls: list[Call[Any]] = []
    for keys in queues:
        calls += (overview(keys), busy(keys, running), read_stats(keys, round(WINDOW * 1000), 0))
    replies = (yield calls) if calls else []
    infos: list[QueueInfo] = replies[0::3]
    loads: list[Busy] = replies[1::3]
    tallies: Tallies = {}
    for keys, page in zip(queues, replies[2::3], strict=True):
        # One page has all tasks of two minutes.
        add_page(tallies, keys.queue, page)
    spans = {
        keys.queue: (moment(page.minute * 60_000), moment(page.now))
        for keys, page in zip(queues, replies[2::3], strict=True)
    }
    load: Counter[str] = Counter()
    for each in loads:
        load.update(each.workers)
    oldest = sorted((job for each in loads for job in each.oldest), key=lambda job: job.started_at)
    by_queue = stats_of(tallies, spans, "queue")
    return Snapshot(
        queues=tuple(infos),
        workers=tuple({worker.id: worker for info in infos for worker in info.workers}.values()),
        busy=load,
        complete=all(each.complete for each in loads),
        running=tuple(oldest[:running]),
        stats={stats.queue: stats for stats in by_queue},
        tasks=tuple(stats_of(tallies, spans, "task")),
    )


def _busy(queue: str, reply: Any) -> Busy:
    complete, count, *rest = reply
    workers = {worker.decode(): jobs for worker, jobs in zip(*[iter(rest[: 2 * count])] * 2, strict=True)}
    oldest = []
    for job_id, entry, task in zip(*[iter(rest[2 * count :])] * 3, strict=True):
        _, started, worker = entry.decode().split(" ", 2)
        oldest.append(RunningJob(job_id.decode(), queue, task.decode(), worker, moment(int(started))))
    return Busy(bool(complete), workers, tuple(oldest))
