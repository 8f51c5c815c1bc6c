"""Jobs that wait for 50 ms, as jobs do that ask others over the network."""

from case import Case, Column, Figures, Options, each
from contenders import Contender
from stage import Stage

CONCURRENCY = {"hundred": (100, 2_000), "thousand": (1_000, 10_000)}
"""How many jobs run at once, and how many there are."""


def measure(stage: Stage, contender: Contender, options: Options) -> Figures:
    """Take the figures of one round."""
    found = {}
    for key, (at_once, count) in CONCURRENCY.items():
        stage.fill(contender, "nap", count)
        with stage.workers(contender, 1, at_once, waiting=True) as workers:
            stage.wait(workers, 2 * count)  # each writes down its start and its end
            times = [time for each in workers.numbers() for time in each]
            processes = workers.all_processes()
            found[f"{key}_memory"] = sum(process.memory_full_info().pss for process in processes) / 1e6
        found[key] = count / (max(times) - min(times))
    return found


def _waits(contender: Contender) -> bool:
    """Tell whether it can run many jobs at once in one process."""
    return contender.runs == "loop" or bool(contender.waiting) or contender.runs == "threads"


CASE = Case(
    name="sleeps",
    title="Jobs of 50 ms",
    text="Jobs that wait for 50 ms and use no processor: `asyncio.sleep` on an event loop, `time.sleep` in a "
    "thread. One process that runs 100 of them at once, 2,000 jobs, for which the ideal is 2,000 jobs/s; and "
    "1,000 at once, 10,000 jobs, with an ideal of 20,000 jobs/s. The memory is that of all processes of the "
    "worker at the end (PSS).",
    columns=(
        Column("hundred", "100 at once, jobs/s"),
        Column("hundred_memory", "memory, MB", more_is_better=False),
        Column("thousand", "1,000 at once, jobs/s"),
        Column("thousand_memory", "memory, MB", more_is_better=False),
    ),
    rows=lambda contenders: each(contenders, measure, _waits),
    plotted=("hundred", "thousand"),
)
