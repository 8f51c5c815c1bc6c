"""No-op jobs that wait are worked off by one process, and by two."""

from array import array
from collections.abc import Sequence

from case import Case, Column, Figures, Options, each, jobs_of
from contenders import Contender
from stage import Stage


def rate(times: Sequence["array[float]"], processes: int = 1) -> tuple[float, float]:
    """Return jobs per second since all processes have begun, and during the second half of the jobs.

    Args:
        times: when jobs ran, by process.
        processes: how many processes there are to begin.
    """
    everything = sorted(time for each in times for time in each)
    begun = max(each[0] for each in times) if len(times) >= processes else everything[0]
    together = [time for time in everything if time >= begun]
    if len(together) < len(everything) / 2:
        together = everything  # one of them came so late that what is left would say nothing
    middle = len(together) // 2
    whole = (len(together) - 1) / (together[-1] - together[0])
    return whole, (len(together) - 1 - middle) / (together[-1] - together[middle])


def drained(stage: Stage, contender: Contender, count: int, processes: int = 1) -> tuple[float, float]:
    """Let no-op jobs wait, start workers, and return the two rates."""
    stage.fill(contender, "work", count)
    with stage.workers(contender, processes) as workers:
        stage.wait(workers, count)
        return rate(workers.numbers(), processes)


def measure(stage: Stage, contender: Contender, options: Options) -> Figures:
    """Take the figures of one round."""
    count = jobs_of(contender, options.jobs)
    one, warm = drained(stage, contender, count)
    two, _ = drained(stage, contender, count, 2)
    return {"one": one, "warm": warm, "two": two}


CASE = Case(
    name="drain",
    title="Draining no-op jobs",
    text="Jobs are enqueued while no worker runs. Each writes down the time at which it runs, in the worker, and "
    "does nothing else. The rate is that from the first job to the last. With two processes it is that from "
    "when both have run a job: how long they take to start is another case. The second half of the jobs is "
    "given apart, because some need time to get warm: just-in-time compilers, and batches that grow.",
    columns=(
        Column("one", "1 process, jobs/s"),
        Column("warm", "of that the second half, jobs/s"),
        Column("two", "2 processes, jobs/s"),
    ),
    rows=lambda contenders: each(contenders, measure),
    plotted=("one", "two"),
)
