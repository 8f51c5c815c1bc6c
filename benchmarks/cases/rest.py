"""What it costs to have a worker that has nothing to do."""

import statistics
import subprocess
import time

from case import Case, Column, Figures, Options, each
from contenders import Contender
from homes import environment, folder, python
from stage import Stage, Workers

from cases.commands import Cost, cost

SECONDS = 10.0


def measure(stage: Stage, contender: Contender, options: Options) -> Figures:
    """Take the figures of one round."""
    stage.clear()
    stage.produce(contender, "fill", "work", 1)
    with stage.workers(contender) as workers:
        begun = time.monotonic()
        stage.wait(workers, 1)
        [first] = [time for each in workers.numbers() for time in each]
        time.sleep(3)  # what follows the job is not to be counted
        before = cost(stage)
        time.sleep(SECONDS)  # this is what is measured
        total = cost(stage) - before
        memory = _memory(workers)
    return {"start": first - begun, "memory": memory, **_idle(total), "import": _imported(contender)}


def _idle(total: Cost) -> dict[str, float]:
    return {"trips": total.trips / SECONDS, "commands": total.commands / SECONDS}


def _memory(workers: Workers) -> float:
    return sum(process.memory_full_info().pss for process in workers.all_processes()) / 1e6


def _imported(contender: Contender) -> float:
    """Return the milliseconds that a program takes longer if it imports the application."""
    with_it, without = [], []
    for _ in range(5):
        with_it.append(_run(contender, f"apps.{contender.app}"))
        without.append(_run(contender, "apps.tasks, apps.producers"))
    return (statistics.median(with_it) - statistics.median(without)) * 1000


def _run(contender: Contender, modules: str) -> float:
    if contender.node:
        library = 'import "bullmq"; ' if contender.app in modules else ""
        command = ["node", "--input-type=module", "-e", f"{library}process.exit(0)"]
    else:
        command = [python(contender), "-c", f"import {modules}"]
    began = time.perf_counter()
    variables = {"BENCH_URL": "redis://127.0.0.1:6379/0"}
    subprocess.run(command, cwd=folder(contender), env=environment(contender, variables), check=True)
    return time.perf_counter() - began


CASE = Case(
    name="rest",
    title="At rest",
    text="A worker of one process that has nothing to do. Start: from the start of its program to the first line of "
    "a job that waits. Memory: of all its processes, PSS, which counts shared pages once. Round trips, and "
    f"commands, those inside scripts counted: what it sends to the server in a second, over {SECONDS:.0f} s. "
    "Import: how much longer a program takes that imports an application with six tasks, as a producer does; "
    "on Node, the library.",
    columns=(
        Column("start", "start, s", ".2f", more_is_better=False),
        Column("memory", "memory, MB", more_is_better=False),
        Column("trips", "round trips/s", ".1f", more_is_better=False),
        Column("commands", "commands/s", ".1f", more_is_better=False),
        Column("import", "import, ms", more_is_better=False),
    ),
    rows=lambda contenders: each(
        contenders,
        measure,
        lambda contender: contender.key not in ("jobqueue-threads", "celery-early", "celery-results"),
    ),
    plotted=("memory",),
)
