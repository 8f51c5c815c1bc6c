"""Too much at once, what nobody should send, schedules with many schedulers, and two versions side by side."""

import os
import random
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import redis
from chaos.arena import PREFIX, TESTS, Arena, job, mixed, only_work
from chaos.faults.processes import kill_one
from chaos.ledger import read
from chaos.proxy import Swallow
from chaos.scenario import Found, Skipped, Terms, end, scenario
from chaos.verdict import Allowance
from waiting import wait_until

from jobqueue import InvalidJob

OLD = "8b7dca7"
"""The last commit before what this version has changed in what it writes."""


@scenario("F25", "ten schedulers of a schedule that fires each second, of which one is killed each second")
def schedulers(terms: Terms) -> Found:
    with Arena(terms.seed, lease=1.0, environment={"CHAOS_SCHEDULE": "1"}) as arena:
        for _ in range(5):
            arena.start_worker("-p", 2, "-c", 2, "-q", "slots")
        arena.working(10, "slots")
        seconds = max(5, round(60 * terms.scale))

        def kill() -> None:
            if children := arena.children():
                arena.kill(arena.rng.choice(children))

        arena.nemesis(kill, 1.0)
        arena.pause(seconds)
        verdict, faults, _ = end(arena)
        fired = slots_of(arena)
        # A slot is a job with an id of its own, so none fired twice; those that were missed are made up for.
        if gaps(fired) != {1.0} or len(fired) < seconds:
            verdict.wrong.append(f"{len(fired)} slots fired in {seconds} s, {sorted(gaps(fired))} s apart")
        return verdict, faults, f"{len(fired)} slots in a row, one a second"


def slots_of(arena: Arena) -> list[datetime]:
    """Return the slots of the schedule whose jobs were run."""
    slots = [slot for queue, slot in read(arena.ledger_path).runs if queue == "slots"]
    return sorted(datetime.fromisoformat(slot.partition(":")[2]) for slot in slots)


def gaps(fired: list[datetime]) -> set[float]:
    """Return how many seconds are between a slot and the next."""
    return {(later - earlier).total_seconds() for earlier, later in pairwise(fired)}


@scenario("F28", "100,000 jobs are drained by a command that is killed and started again")
def drained(terms: Terms) -> Found:
    count = terms.jobs(100_000)
    with Arena(terms.seed) as arena:
        producer = arena.produce(count, only_work, at_once=1000)
        producer.join(120)
        command = [sys.executable, "-m", "jobqueue", "queue", "drain", "main", "-y"]
        environment = {**os.environ, "JOBQUEUE_URL": arena.server.url, "JOBQUEUE_PREFIX": PREFIX}
        kills = 0
        while True:
            process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            try:
                _, complaint = process.communicate(timeout=0.6 if kills < 5 else 60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                kills += 1
                arena.fault("drain-killed")
                continue
            assert process.returncode == 0, complaint.decode()
            break
        with arena.application() as jobs:
            left = sum(jobs.queue("main").info().counts.values())
        verdict, faults, _ = end(arena, allowance=Allowance(drained=True))
        if left:
            verdict.wrong.append(f"{left} jobs are left after a drain")
        return verdict, faults, f"{kills} kills"


@scenario("F29", "payloads of every bad kind: by producers, and written into the server by others")
def payloads(terms: Terms) -> Found:
    with Arena(terms.seed) as arena, redis.Redis.from_url(arena.server.url) as connection:
        arena.start_worker("-p", 2, "-c", 10)
        arena.working(2)
        arena.produce(terms.jobs(3_000), mixed)
        refused = 0
        with arena.application() as jobs:
            main = jobs.queue("main")
            deep: list[object] = []
            for _ in range(100_000):
                deep = [deep]
            for n, value in enumerate(
                ["", "\0", "\ud800", "x" * 2_000_000, float("nan"), 2**70, deep, b"\xff", object()]
            ):
                try:
                    main.enqueue("work", {"n": value}, id=f"bad{n}")
                except (InvalidJob, ValueError):
                    refused += 1
                arena.fault("payload")
            hostile = [
                b"",
                b"{",
                b"null",
                b"[" * 100_000,
                b'{"task":1}',
                b'{"task":"work","args":[]}',
                b"\xff\xfe",
                b"\0" * 100,
            ]
            for n, text in enumerate(hostile):
                connection.hset(f"{{{PREFIX}:main}}:jobs", f"raw{n}", text)
                connection.lpush(f"{{{PREFIX}:main}}:wait", f"raw{n}")
                arena.fault("payload")
            # They wait for somebody who can read them, can be seen, in lists too, and deleted.
            raw = {f"raw{n}" for n in range(len(hostile))}
            wait_until(lambda: raw <= {found.id for found in main.jobs("parked")}, "what cannot be read is parked", 60)
            arena.join_producers()
            for found in list(main.jobs("parked")):
                main.job(found.id).info()
                main.job(found.id).remove()
        return end(arena, f"{refused} refused", allowance=Allowance(others=("bad",)))


@scenario("F30", "10,000 jobs are due in one millisecond, and the server is away when they are")
def herd(terms: Terms) -> Found:
    with Arena(terms.seed, options=("--appendonly", "yes", "--appendfsync", "everysec")) as arena:
        for _ in range(3):
            arena.start_worker("-p", 2, "-c", 20)
        arena.working(6)
        count = terms.jobs(10_000)
        with arena.application() as jobs, redis.Redis.from_url(arena.server.url) as connection:
            due = connection.time()[0] + 6
            rng = random.Random(terms.seed)
            moment = datetime.fromtimestamp(due, UTC)
            for start in range(0, count, 500):
                some = [job(jobs, rng, "work", n, run_at=moment) for n in range(start, min(count, start + 500))]
                arena.enqueue(jobs, some)
        arena.server.kill()
        arena.fault("server-kill")
        arena.pause(6)
        arena.server.start()
        arena.ledger.write("healed", "server")
        return end(arena)


@scenario("F32", "workers and producers of two versions on one queue, under kills and lost replies")
def two_versions(terms: Terms) -> Found:
    root = TESTS.parent
    known = subprocess.run(["git", "cat-file", "-e", f"{OLD}^{{commit}}"], cwd=root, capture_output=True, check=False)
    if shutil.which("git") is None or known.returncode:
        raise Skipped(f"the history with the version before ({OLD}) is not here")
    with Arena(terms.seed, environment={"CHAOS_SCHEDULE": "1"}) as arena:
        old = arena.folder / "old"
        old.mkdir()
        archive = subprocess.run(["git", "archive", OLD, "jobqueue"], cwd=root, capture_output=True, check=True).stdout
        subprocess.run(["tar", "-x", "-C", str(old)], input=archive, check=True)
        path = f"{old}:{TESTS}"
        arena.start_worker("-p", 2, "-c", 20)
        arena.start_worker("-p", 2, "-c", 20, PYTHONPATH=path)
        arena.working(4)
        arena.nemesis(lambda: kill_one(arena), 0.7)
        arena.on_commands(0.05, Swallow(), names={"claim", "settle", "EVALSHA", "EVAL"})
        arena.produce(terms.jobs(15_000), mixed, at_once=20)
        environment = {**os.environ, "PYTHONPATH": path}
        script = Path(__file__).with_name("old_producer.py")
        command = [sys.executable, str(script), arena.proxy.url, str(arena.ledger_path), str(terms.jobs(5_000))]
        producer = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
        assert producer.returncode == 0, producer.stderr
        verdict, faults, _ = end(arena)
        fired = slots_of(arena)
        if not fired or gaps(fired) - {1.0}:
            verdict.wrong.append(f"{len(fired)} slots fired, {sorted(gaps(fired))} s apart")
        return verdict, faults, f"both versions have run jobs, and {len(fired)} slots of a schedule"
