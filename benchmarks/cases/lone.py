"""How soon a lone job starts."""

from case import Case, Column, Figures, Options, each, percentiles
from contenders import Contender
from stage import Stage

COUNT = 500
GAP = 0.01
WARM = 50


def measure(stage: Stage, contender: Contender, options: Options) -> Figures:
    """Take the figures of one round."""
    stage.clear()
    with stage.workers(contender) as workers:
        stage.produce(contender, "lone", WARM, GAP)
        stage.wait(workers, WARM)
        stage.produce(contender, "lone", COUNT, GAP)
        stage.wait(workers, WARM + COUNT)
        found = [value for each in workers.numbers() for value in each]
    return percentiles(found[WARM:])


CASE = Case(
    name="lone",
    title="Latency of lone jobs",
    text=f"A job each {GAP * 1000:.0f} ms, {COUNT} of them, into a worker that has nothing else to do: from just "
    "before the call that enqueues to the first line of the job, in another process, by the clock of the "
    "machine. A worker of one process; what comes before is not counted.",
    columns=tuple(Column(key, f"{key}, ms", ".2f", more_is_better=False) for key in ("p50", "p95", "p99")),
    rows=lambda contenders: each(contenders, measure, lambda contender: contender.key != "rq-fork"),
    plotted=("p50",),
)
