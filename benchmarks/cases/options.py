"""What results, events and timelines cost."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from case import Case, Column, Figures, Options, of_ours
from contenders import Contender
from stage import Stage

from cases.drain import rate
from jobqueue import JobQueue


@dataclass(frozen=True)
class Variant:
    """A way to run jobs.

    Attributes:
        key: its name in the raw figures.
        name: in the report.
        kind: what the application is told.
        events: whether events are written down.
    """

    key: str
    name: str
    kind: str = ""
    events: bool = False


VARIANTS = (
    Variant("defaults", "defaults: the last 10,000 are kept with their results"),
    Variant("all", "all are kept", "all-kept"),
    Variant("nothing", "nothing is kept: no results", "nothing-kept"),
    Variant("events", "defaults, and events are written down", events=True),
)


@contextmanager
def _prepared(stage: Stage, variant: Variant) -> Iterator[None]:
    jobs = JobQueue(stage.url)
    jobs.queue("default").keep_events(variant.events)
    yield
    jobs.close()


def measure(stage: Stage, contender: Contender, options: Options, variant: Variant) -> Figures:
    """Take the figures of one round."""
    stage.clear()
    chosen = replace(contender, kind=variant.kind)
    with _prepared(stage, variant):
        stage.produce(chosen, "fill", "work", options.jobs)
        with stage.workers(chosen) as workers:
            stage.wait(workers, options.jobs)
            whole, warm = rate(workers.numbers())
    return {"rate": whole, "warm": warm}


CASE = Case(
    name="options",
    title="Results and events (jobqueue)",
    text="One process drains no-op jobs, with what is kept of them, and what is told, switched on and off. "
    "Timelines cannot be switched off: they are put together of what is kept anyway, and a job that simply "
    "runs adds nothing to them.",
    columns=(Column("rate", "jobs/s"), Column("warm", "of that the second half, jobs/s")),
    rows=of_ours(VARIANTS, measure),
    baseline="defaults",
)
