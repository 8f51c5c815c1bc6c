"""The jobs of jobqueue that are measured."""

import os

from apps import tasks
from apps.producers import AsyncProducer, Jobs, Producer
from jobqueue import JobQueue, Keep, Retention

KINDS = frozenset(os.environ.get("BENCH_KIND", "").split("+"))
"""Which of the options are switched that ``cases/options.py`` compares."""

kept = Keep(count=0) if "nothing-kept" in KINDS else Keep(count=1_000_000) if "all-kept" in KINDS else Keep()
jobs = JobQueue(os.environ["BENCH_URL"], retention=Retention(completed=kept))


@jobs.task
async def work() -> None:
    """Do nothing, on the event loop."""
    tasks.work()


@jobs.task(name="work_in_thread")
def work_in_thread() -> None:
    """Do nothing, in a thread."""
    tasks.work()


@jobs.task
async def carry(text: str) -> None:
    tasks.carry(text)


@jobs.task
async def nap() -> None:
    await tasks.anap()


@jobs.task
def nap_in_thread() -> None:
    tasks.nap()


@jobs.task
async def arrive(sent: float) -> None:
    tasks.arrive(sent)


@jobs.task
def arrive_in_thread(sent: float) -> None:
    tasks.arrive(sent)


@jobs.task
async def hang() -> None:
    await tasks.ahang()


@jobs.task
async def echo(value: int) -> int:
    return tasks.echo(value)


ALL = {each.name: each for each in (work, work_in_thread, carry, nap, nap_in_thread, arrive, arrive_in_thread, hang)}
THREADS = "threads" in KINDS


def _task(name: str) -> object:
    return ALL.get(f"{name}_in_thread" if THREADS else name, ALL[name])


def enqueue(task: str, *args: object) -> None:
    _task(task).enqueue(*args)  # type: ignore[attr-defined]  # the tasks differ in what they take


def many(task: str, drafts: Jobs) -> None:
    chosen = _task(task)
    jobs.enqueue_many(chosen.draft(*args) for args in drafts)  # type: ignore[attr-defined]  # see above


def ask(value: int) -> object:
    return echo.enqueue(value).result(10)


async def aenqueue(task: str, *args: object) -> None:
    await _task(task).aenqueue(*args)  # type: ignore[attr-defined]  # see above


async def amany(task: str, drafts: Jobs) -> None:
    chosen = _task(task)
    await jobs.aenqueue_many(chosen.draft(*args) for args in drafts)  # type: ignore[attr-defined]  # see above


async def aask(value: int) -> object:
    return await (await echo.aenqueue(value)).aresult(10)


PRODUCER = Producer(enqueue, many, ask, close=jobs.close)
ASYNC_PRODUCER = AsyncProducer(aenqueue, amany, aask, close=jobs.aclose)
