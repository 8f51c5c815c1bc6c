"""The life of jobs from end to end, in as few jobs as show every command: what the crash points are cut out of.

Run as a program it forks: for each line on stdin, an object in JSON, it starts a process that produces or works, and
says its number. The imports are made once.
"""

import asyncio
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from chaos.ledger import Ledger
from chaos.witness import witness

import jobqueue.worker
from jobqueue import (
    Dedup,
    Draft,
    Every,
    Flow,
    JobQueue,
    JobQueueError,
    Keep,
    Limits,
    Retention,
    Retry,
    Schedule,
    ServerError,
    Snooze,
    current_job,
)

KEPT = Keep(age=30 * 86_400, count=1000)
LEASE = 1.0
SLOTS = 2

DAYS_LATER = 8
"""How many days later it is for whoever repairs what was broken: leases have run out then, and flows are given up."""


def application(url: str, prefix: str, ledger: Ledger, *, later: bool = False) -> JobQueue:
    """Return the application of the cycle.

    Args:
        url: where the server is.
        prefix: what its keys begin with.
        ledger: what its executions are written into.
        later: whether it is some days later.
    """
    now = (lambda: round(time.time() * 1000) + DAYS_LATER * 86_400_000) if later else (lambda: None)
    jobs = JobQueue(
        url,
        prefix=prefix,
        lease=LEASE,
        retention=Retention(completed=KEPT, failed=KEPT, cancelled=KEPT),
        now=now,
    )
    snoozed: set[str] = set()

    jobs.middleware(witness(ledger))

    @jobs.task(queue="main")
    async def work(n: int) -> int:
        return n

    @jobs.task(queue="main", retry=Retry(attempts=3, backoff=0.05))
    async def stumbles(times: int) -> int:
        if current_job().attempt <= times:
            raise ValueError(f"attempt {current_job().attempt}")
        return times

    @jobs.task(queue="main")
    async def snoozes() -> None:
        if current_job().id not in snoozed:
            snoozed.add(current_job().id)
            raise Snooze(0.05)

    @jobs.task(queue="main")
    async def speaks() -> None:
        current_job().progress(0.5)
        current_job().log("half of it")
        await asyncio.sleep(0.06)

    @jobs.task(queue="other")
    async def part(n: int) -> int:
        return n

    @jobs.task(queue="main")
    async def whole() -> int:
        return sum(int(each.result) for each in await current_job().adependencies())

    @jobs.task(queue="main")
    async def long() -> None:
        await asyncio.sleep(1)

    @jobs.task(queue="main")
    async def ends(job_id: str) -> None:
        """Cancel another job, and enqueue one."""
        await work.using(id=f"{current_job().id}.after").aenqueue(0)
        await jobs.queue("main").job(job_id).acancel("it takes too long")

    @jobs.task(queue="other")
    async def in_turn(n: int) -> int:
        return n

    jobs.limits("other", each_key=Limits(concurrency=1))

    @jobs.task(queue="other")
    async def tick() -> None: ...

    return jobs


def steps(jobs: JobQueue) -> list[tuple[Sequence[Draft[Any]], Callable[[], object]]]:
    """Return what a producer does: the jobs of each step, and the call that enqueues them."""
    main, other = jobs.queue("main"), jobs.queue("other")

    def one(draft: Draft[Any]) -> tuple[Sequence[Draft[Any]], Callable[[], object]]:
        return [draft], lambda: jobs.enqueue(draft)

    many = [main.draft("work", {"n": n}, id=f"many{n}") for n in range(3)]
    parts = [other.draft("part", {"n": 1}, id="part"), main.draft("work", {"n": 2}, id="piece")]
    flow = Flow(main.draft("whole", id="whole"), after=parts)
    failing = Flow(main.draft("whole", id="disappointed"), after=[main.draft("stumbles", {"times": 3}, id="hopeless")])
    turns = [other.draft("in_turn", {"n": n}, id=f"turn{n}", key="acme") for n in range(3)]
    dedup = Dedup.keep_last(key="the same")
    return [
        one(main.draft("long", id="long")),
        one(main.draft("work", {"n": 0}, id="work")),
        (many, lambda: jobs.enqueue_many(many)),
        ([each.job for each in flow.in_order()], lambda: jobs.enqueue_flow(flow)),
        ([each.job for each in failing.in_order()], lambda: jobs.enqueue_flow(failing)),
        one(main.draft("stumbles", {"times": 1}, id="stumbles")),
        one(main.draft("snoozes", id="snoozes")),
        one(main.draft("speaks", id="speaks")),
        (turns, lambda: jobs.enqueue_many(turns)),
        one(main.draft("work", {"n": 1}, id="delayed", delay=0.1)),
        one(main.draft("work", {"n": 1}, id="urgent", priority=3)),
        one(main.draft("work", {"n": 1}, id="kept", dedup=dedup)),
        one(main.draft("work", {"n": 1}, id="off", delay=3600)),
        one(main.draft("work", {"n": 1}, id="stale", delay=0.2, expires=0.1)),
        ([], lambda: main.job("off").cancel("nobody wants it")),
        ([], lambda: main.job("urgent").prioritize(5)),
        ([], lambda: jobs.schedules.upsert("tick", other.draft("tick"), Schedule(Every(seconds=0.1), limit=SLOTS))),
        one(main.draft("ends", {"job_id": "long"}, id="ends")),
    ]


def produce(url: str, prefix: str, path: Path, *, later: bool) -> None:
    """Enqueue all jobs of the cycle, and write down which were accepted."""
    ledger = Ledger(path)
    jobs = application(url, prefix, ledger, later=later)
    for drafts, act in steps(jobs):
        lines = [(draft.queue, draft.id) for draft in drafts]
        # Before: whoever is killed meanwhile cannot say it any more.
        ledger.write_all(("unknown", *line) for line in lines)
        try:
            act()
        except ServerError:
            continue
        except JobQueueError:
            # Cancelling what was never enqueued, because the one before is unknown.
            assert not drafts
        else:
            ledger.write_all(("accepted", *line) for line in lines)
    jobs.close()


def work(url: str, prefix: str, path: Path, *, later: bool) -> None:
    """Work until told to stop."""
    jobs = application(url, prefix, Ledger(path), later=later)
    jobqueue.worker.Worker(jobs, concurrency=4, shutdown_timeout=2).run()


def main() -> None:
    """Fork for each line on stdin."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them here
    for line in sys.stdin:
        request = json.loads(line)
        role = {"produce": produce, "work": work}[request.pop("role")]
        log = request.pop("log")
        process = os.fork()
        if process:
            print(process, flush=True)  # noqa: T201  (it is the answer)
            continue
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        code = 1
        try:
            errors = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            for number in (1, 2):
                os.dup2(errors, number)
            request["path"] = Path(request["path"])
            role(**request)
            code = 0
        except BaseException:  # nothing may go on in a fork of this loop
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)


if __name__ == "__main__":
    main()
