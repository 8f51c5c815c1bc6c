"""How soon jobs start while the worker is half busy."""

import statistics

from case import Case, Column, Figures, Options, each, jobs_of, percentiles
from contenders import Contender
from stage import Stage

from cases.drain import drained

SECONDS = 5.0
PART = 0.5
SKIPPED = 0.2
"""The part of the jobs at the beginning that is not counted."""


def measure(stage: Stage, contender: Contender, options: Options) -> Figures:
    """Take the figures of one round."""
    peak, _ = drained(stage, contender, jobs_of(contender, options.jobs))
    stage.clear()
    with stage.workers(contender) as workers:
        stage.produce(contender, "lone", 50, 0.01)
        stage.wait(workers, 50)
        done = stage.produce(contender, "load", PART * peak, SECONDS)
        stage.wait(workers, 50 + done["sent"])
        [values] = [each[50:] for each in workers.numbers()]
    counted = values[int(len(values) * SKIPPED) :]
    return {**percentiles(counted), "mean": statistics.fmean(counted) * 1000, "rate": done["rate"], "peak": peak}


CASE = Case(
    name="load",
    title="Latency at half of the peak load",
    text=f"One process drains no-op jobs; then, for {SECONDS:.0f} s, jobs come at half of that speed, each of its "
    "own, by whichever way the producer keeps up with it: by the call for many every 5 ms, by concurrent "
    "calls, or one by one. The time is from just before that call to the first line of the job; the first "
    "fifth of the jobs is left out. A producer that is slower than half of the peak makes it easier for its "
    "worker: the rate is what has come.",
    columns=(
        Column("p50", "p50, ms", ".2f", more_is_better=False),
        Column("p95", "p95, ms", ".2f", more_is_better=False),
        Column("p99", "p99, ms", ".2f", more_is_better=False),
        Column("rate", "jobs/s that came", more_is_better=None),
        Column("peak", "peak, jobs/s", more_is_better=None),
    ),
    rows=lambda contenders: each(contenders, measure, lambda contender: not contender.key.startswith("rq")),
    plotted=("p50", "p99"),
)
