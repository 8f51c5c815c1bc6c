"""How late jobs start that were enqueued for later."""

import random
import time
from collections.abc import Sequence
from contextlib import closing

from apps.stopwatch import now
from case import Case, Column, Figures, Options, Row, percentiles
from contenders import Contender
from stage import Stage

from jobqueue import JobQueue

COUNT = 200
WARM = 20


def measure(stage: Stage, contender: Contender, options: Options) -> Figures:
    """Take the figures of one round."""
    stage.clear()
    with stage.workers(contender) as workers, closing(JobQueue(stage.url)) as jobs:
        queue = jobs.queue("default")
        for _ in range(WARM + COUNT):
            delay = random.uniform(0.02, 0.12)
            queue.enqueue("arrive", {"sent": now() + delay}, delay=delay)
            time.sleep(delay)  # one is due at a time
        stage.wait(workers, WARM + COUNT)
        [found] = workers.numbers()
    return percentiles(found[WARM:])


def _rows(contenders: Sequence[Contender]) -> list[Row]:
    return [
        Row(each.key, "due to started", each, lambda stage, options, each=each: measure(stage, each, options))
        for each in contenders
        if each.key == "jobqueue"
    ]


CASE = Case(
    name="due",
    title="Jobs for later (jobqueue)",
    text=f"{COUNT} jobs, one after the other, with a delay of 20 to 120 ms, into a worker that has nothing else to do: "
    "from when each is due, as its producer has it, to its first line.",
    columns=tuple(Column(key, f"{key}, ms", ".2f", more_is_better=False) for key in ("p50", "p95", "p99")),
    rows=_rows,
)
