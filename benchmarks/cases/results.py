"""How long a caller waits who needs the result of a job."""

from dataclasses import replace

from case import Case, Column, Figures, Options, each, percentiles
from contenders import Contender
from stage import Stage

WARM = 50
COUNT = 500


def measure(stage: Stage, contender: Contender, options: Options) -> Figures:
    """Take the figures of one round."""
    stage.clear()
    chosen = replace(contender, kind=contender.results_kind or contender.kind)
    with stage.workers(chosen):
        producer = "ASYNC_PRODUCER" if contender.ours else ""
        stage.produce(chosen, "ask", WARM, producer=producer)
        return percentiles(stage.produce(chosen, "ask", COUNT, producer=producer)["seconds"])


CASE = Case(
    name="results",
    title="Round trip of a result",
    text="A caller enqueues a job that gives back a number, waits for the result, and enqueues the next one: "
    f"{COUNT} of them. The caller waits as the library has it: told when the result is there, or asking for "
    "it; who asks, asks every millisecond if that can be set.",
    columns=tuple(Column(key, f"{key}, ms", ".2f", more_is_better=False) for key in ("p50", "p95", "p99")),
    rows=lambda contenders: each(
        contenders,
        measure,
        lambda contender: contender.results and contender.key not in ("jobqueue-threads", "rq-fork"),
    ),
    plotted=("p50",),
)
