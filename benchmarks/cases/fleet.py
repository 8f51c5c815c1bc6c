"""What a thousand idle workers cost the server."""

import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack

from case import Case, Column, Figures, Options, Row
from contenders import Contender
from homes import environment, folder
from measure import until
from stage import Stage

from cases.commands import cost

SIZES = (1, 100, 1_000)
TOGETHER = 250
"""How many of them are in one process."""
SECONDS = 20.0


def measure(stage: Stage, contender: Contender, options: Options, workers: int) -> Figures:
    """Take the figures of one round."""
    stage.clear()
    with ExitStack() as stack:
        for begun in range(0, workers, TOGETHER):
            command = [sys.executable, "-m", "apps.fleet", str(min(TOGETHER, workers - begun))]
            process = subprocess.Popen(
                command,
                cwd=folder(contender),
                env=environment(contender, {"BENCH_URL": stage.url}),
                stdout=subprocess.PIPE,
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
            assert process.stdout is not None
            until(lambda process=process: bool(process.stdout.readline()), "workers are ready")  # type: ignore[misc]  # a default
        time.sleep(5)  # what they do at their start is not to be counted
        before, memory = cost(stage), stage.redis.info("memory")["used_memory"]
        connections = stage.redis.info("clients")["connected_clients"]
        time.sleep(SECONDS)  # this is what is measured
        total = cost(stage) - before
    return {
        "commands": total.commands / SECONDS,
        "trips": total.trips / SECONDS,
        "processor": total.processor / SECONDS * 100,
        "connections": connections,
        "memory": memory / 1e6,
    }


def _rows(contenders: Sequence[Contender]) -> list[Row]:
    ours = [each for each in contenders if each.key == "jobqueue"]

    def row(contender: Contender, workers: int) -> Row:
        name = f"{workers:,} worker{'s' if workers > 1 else ''}"
        return Row(
            str(workers),
            name,
            contender,
            lambda stage, options: measure(stage, contender, options, workers),
        )

    return [row(contender, workers) for contender in ours for workers in SIZES]


CASE = Case(
    name="fleet",
    title="Many idle workers (jobqueue)",
    text=f"Workers of one queue that have nothing to do. They are simulated: {TOGETHER} of them live in one "
    "process, each with an application and connections of its own, as if it were a process. What they cost "
    f"the server, over {SECONDS:.0f} s; commands inside scripts are counted.",
    columns=(
        Column("commands", "commands/s", more_is_better=False),
        Column("trips", "round trips/s", more_is_better=False),
        Column("processor", "server's processor, %", ".1f", more_is_better=False),
        Column("connections", "connections", more_is_better=None),
        Column("memory", "server's memory, MB", ".1f", more_is_better=False),
    ),
    rows=_rows,
    baseline="1",
)
