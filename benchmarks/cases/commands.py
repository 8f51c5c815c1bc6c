"""What a job costs the server: commands and round trips."""

import time
from dataclasses import dataclass

from case import Case, Column, Figures, Options, each, jobs_of
from contenders import Contender
from stage import Stage

LONE = 200
GAP = 0.05


@dataclass(frozen=True)
class Cost:
    """What the server has done.

    Attributes:
        commands: those inside scripts are counted as well.
        trips: how often it has sent replies to somebody.
        processor: seconds of processor time.
    """

    commands: float
    trips: float
    processor: float

    def __sub__(self, other: "Cost") -> "Cost":
        return Cost(self.commands - other.commands, self.trips - other.trips, self.processor - other.processor)

    def __mul__(self, factor: float) -> "Cost":
        return Cost(self.commands * factor, self.trips * factor, self.processor * factor)


def cost(stage: Stage) -> Cost:
    """Return what the server has done since its figures were reset; reading them is not counted."""
    found = stage.redis.info("commandstats")
    commands = sum(values["calls"] for name, values in found.items() if not name.startswith("cmdstat_info"))
    readings = found.get("cmdstat_info", {"calls": 0})["calls"]
    stats, processor = stage.redis.info("stats"), stage.redis.info("cpu")
    return Cost(
        commands,
        stats["total_writes_processed"] - readings,
        processor["used_cpu_user"] + processor["used_cpu_sys"],
    )


def _loaded(stage: Stage, contender: Contender, count: int) -> dict[str, float]:
    stage.clear()
    before = cost(stage)
    stage.produce(contender, "fill", "work", count)
    with stage.workers(contender) as workers:
        stage.wait(workers, count)
        stage.calm(0.2)
        total = cost(stage) - before
    return {
        "load_commands": total.commands / count,
        "load_trips": total.trips / count,
        "load_processor": total.processor / count * 1e6,
    }


def _lone(stage: Stage, contender: Contender) -> dict[str, float]:
    stage.clear()
    with stage.workers(contender) as workers:
        stage.produce(contender, "lone", 20, GAP)
        stage.wait(workers, 20)
        before, began = cost(stage), time.monotonic()
        time.sleep(LONE * GAP / 2)  # what is sent meanwhile is what the worker does anyway
        idle, seconds = cost(stage) - before, time.monotonic() - began
        before, began = cost(stage), time.monotonic()
        stage.produce(contender, "lone", LONE, GAP)
        stage.wait(workers, 20 + LONE)
        total = cost(stage) - before - idle * ((time.monotonic() - began) / seconds)
    return {"lone_commands": total.commands / LONE, "lone_trips": total.trips / LONE}


def measure(stage: Stage, contender: Contender, options: Options) -> Figures:
    """Take the figures of one round."""
    return {**_loaded(stage, contender, jobs_of(contender, options.jobs)), **_lone(stage, contender)}


CASE = Case(
    name="commands",
    title="What a job costs the server",
    text="From enqueueing to done, by the server's own figures. Commands: `INFO commandstats`, in which those that"
    " scripts call are counted too. Round trips: how often the server has written replies to a connection "
    "(`total_writes_processed`). Under load: no-op jobs that were enqueued by the quickest way and are "
    f"drained by one process. Lone: {LONE} jobs, one each {GAP * 1000:.0f} ms, less what the worker and its "
    "producer do anyway.",
    columns=(
        Column("load_commands", "load: commands a job", ".2f", more_is_better=False),
        Column("load_trips", "load: round trips a job", ".3f", more_is_better=False),
        Column("load_processor", "load: server's processor, µs a job", ".0f", more_is_better=False),
        Column("lone_commands", "lone: commands a job", ".1f", more_is_better=False),
        Column("lone_trips", "lone: round trips a job", ".1f", more_is_better=False),
    ),
    rows=lambda contenders: each(contenders, measure, lambda contender: contender.key not in _LEFT_OUT),
)

_LEFT_OUT = {"jobqueue-threads", "celery-early", "celery-results", "rq-fork"}
