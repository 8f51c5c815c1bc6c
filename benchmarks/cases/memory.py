"""What a job takes in the memory of the server."""

from case import Case, Column, Figures, Options, each
from contenders import Contender
from stage import Stage

FEW = 1_000
MANY = 9_000
"""Jobs before the memory is first read, and until it is read again: both are kept by everybody's default."""
ACTIVE = 500
SIZE = 100


def _used(stage: Stage) -> int:
    stage.calm(0.2)
    found = stage.redis.info("memory")
    # A worker with a thousand connections would be measured otherwise.
    return int(found["used_memory"] - found["mem_clients_normal"])


def _waiting(stage: Stage, contender: Contender) -> float:
    stage.clear()
    stage.produce(contender, "fill", "carry", FEW, SIZE)
    before = _used(stage)
    stage.produce(contender, "fill", "carry", MANY, SIZE)
    return (_used(stage) - before) / MANY


def _kept(stage: Stage, contender: Contender) -> float:
    """Of jobs that wait already the worker makes those that have ended: what is left of each is what grows."""
    stage.clear()
    count = MANY if contender.share == 1 else MANY // 9
    before = 0
    for jobs in (FEW, count):
        stage.produce(contender, "fill", "carry", jobs, SIZE)
        with stage.workers(contender) as workers:
            stage.wait(workers, jobs)
            stage.calm()
        before, last = _used(stage), before
    return (before - last) / count


def _active(stage: Stage, contender: Contender) -> float:
    """Jobs that wait become active ones: what each takes more, and what it took when it waited."""
    stage.clear()
    with stage.workers(contender, 1, 2 * ACTIVE, waiting=True) as workers:
        stage.produce(contender, "fill", "hang", ACTIVE // 10)
        stage.wait(workers, ACTIVE // 10)
        before = _used(stage)
        stage.produce(contender, "fill", "hang", ACTIVE)
        stage.wait(workers, ACTIVE // 10 + ACTIVE)
        return (_used(stage) - before) / ACTIVE


def measure(stage: Stage, contender: Contender, options: Options) -> Figures:
    """Take the figures of one round."""
    found = {"waiting": _waiting(stage, contender), "kept": _kept(stage, contender)}
    if contender.runs == "loop" or contender.waiting or contender.runs == "threads":
        found["active"] = _active(stage, contender)
    return found


CASE = Case(
    name="memory",
    title="Memory in Redis",
    text=f"Bytes for each job with a text of {SIZE} characters, of `used_memory` without the buffers of connections: "
    f"what {MANY:,} jobs add to {FEW:,}. Waiting: no worker has run. Completed: a worker has run them, with the "
    "default retention, and has stopped; 0 where nothing is kept. "
    f"Active: {ACTIVE} jobs without an argument that run at once in one worker.",
    columns=(
        Column("waiting", "waiting, bytes", more_is_better=False),
        Column("active", "active, bytes", more_is_better=False),
        Column("kept", "completed and kept, bytes", more_is_better=False),
    ),
    rows=lambda contenders: each(
        contenders, measure, lambda contender: contender.key not in ("jobqueue-threads", "celery-early", "rq-fork")
    ),
    plotted=("waiting", "kept"),
)
