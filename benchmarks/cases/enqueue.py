"""One producer enqueues no-op jobs."""

from case import Case, Column, Figures, Options, each, jobs_of
from contenders import Contender
from stage import Stage


def _per_second(stage: Stage, contender: Contender, verb: str, count: int, producer: str = "") -> float:
    stage.clear()
    return count / float(stage.produce(contender, verb, count, producer=producer)["seconds"])


def measure(stage: Stage, contender: Contender, options: Options) -> Figures:
    """Take the figures of one round."""
    few = jobs_of(contender, options.jobs // 4)
    own_loop = "ASYNC_PRODUCER" if contender.ours else ""
    found = {"one": _per_second(stage, contender, "one", few)}
    if contender.ours:
        found["aone"] = _per_second(stage, contender, "one", few, own_loop)
    if contender.gathers:
        found["gather"] = _per_second(stage, contender, "gather", jobs_of(contender, options.jobs // 2), own_loop)
    if contender.bulk:
        found["bulk"] = _per_second(stage, contender, "bulk", options.jobs)
    return found


CASE = Case(
    name="enqueue",
    title="Enqueueing",
    text="One producer, no worker. One by one, each call has returned before the next begins: from plain code, or "
    "from an event loop where there is nothing else. Concurrent: 100 calls of an event loop are under way at "
    "a time. Bulk: the call for many jobs, with 1,000 of them. The producer has enqueued 200 jobs in the same"
    " way before.",
    columns=(
        Column("one", "one by one, jobs/s"),
        Column("aone", "one by one on an event loop, jobs/s"),
        Column("gather", "concurrent, jobs/s"),
        Column("bulk", "bulk, jobs/s"),
    ),
    rows=lambda contenders: each(contenders, measure, lambda contender: contender.key not in _DOUBLES),
    plotted=("one", "bulk"),
)

_DOUBLES = {"jobqueue-threads", "celery-early", "rq-fork", "taskiq-results"}
"""Settings that differ in the worker only."""
