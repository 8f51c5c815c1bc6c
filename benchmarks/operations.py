"""What operations on a million jobs take, and for how long each of their calls holds the server up.

Jobs that wait are enqueued; those that have failed are written by pipelines, in the form in which the scripts leave
them. The longest call is that of the latency monitor of the server, which sees those of 5 ms and more.
"""

import argparse
import functools
import itertools
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import redis
from measure import HERE, machine, server

from jobqueue import JobQueue
from jobqueue.fingerprint import fingerprint_of
from jobqueue.outcome import ErrorText
from jobqueue.store.keys import QueueKeys

ERRORS = 100
"""How many different errors there are."""

TASKS = 20
"""How many tasks."""

DAY = 86_400_000


def failed_jobs(keys: QueueKeys, count: int, now: int) -> Iterator[list[tuple[str, str, dict[str, Any]]]]:
    """Yield commands, some at a time, that write jobs which have failed in the last day."""
    pick = random.Random(1)
    frames = [f'Traceback (most recent call last):\n  File "/app/tasks.py", line 7, in f{n}\n' for n in range(ERRORS)]
    fingerprints = [fingerprint_of("TimeoutError", "no answer in 1 s", frame).id for frame in frames]
    for start in range(0, count, 5000):
        jobs, outcomes, failed, index = {}, {}, {}, {}
        for number in range(start, min(count, start + 5000)):
            kind, task, at = pick.randrange(ERRORS), f"task_{number % TASKS}", now - pick.randrange(DAY)
            job_id = f"failed{number:08}"
            jobs[job_id] = f'{{"at":{at},"task":"{task}","args":{{"n":{number}}}}}'
            error = ErrorText("TimeoutError", f"no answer in {number} s", frames[kind]).to_json(fingerprints[kind])
            outcomes[job_id] = f'["failed",{at},{at},"w1",{number + 1},{error.decode()}]'
            failed[job_id], index[f"{fingerprints[kind]}|{task}|{at:013}|{job_id}"] = at, 0
        yield [
            ("hset", keys["jobs"], {"mapping": jobs}),
            ("hset", keys["outcomes"], {"mapping": outcomes}),
            ("zadd", keys["failed"], {"mapping": failed}),
            ("zadd", keys["fingerprints"], {"mapping": index}),
        ]


def fill(jobs: JobQueue, connection: "redis.Redis", count: int) -> None:
    """Let so many jobs wait, and so many have failed."""
    connection.flushall()
    queue = jobs.queue("default")
    jobs.enqueue_many(queue.draft("task_1", {"n": number}) for number in range(count))
    for commands in failed_jobs(jobs.keys("default"), count, round(time.time() * 1000)):
        with connection.pipeline(transaction=False) as pipeline:
            for command, key, values in commands:
                getattr(pipeline, command)(key, **values)
            pipeline.execute()


def measured(connection: "redis.Redis", name: str, what: Callable[[], Any]) -> Any:
    """Do something, and print a row of the table: seconds, calls, their mean and the longest."""
    connection.execute_command("LATENCY", "RESET")
    connection.config_resetstat()
    began = time.perf_counter()
    found = what()
    seconds = time.perf_counter() - began
    stats = connection.info("commandstats")
    scripts = [stats[key] for key in ("cmdstat_evalsha", "cmdstat_eval") if key in stats]
    calls, total = sum(each["calls"] for each in scripts), sum(each["usec"] for each in scripts)
    events = connection.execute_command("LATENCY", "LATEST")
    worst = max((each[3] for each in events if each[0] in (b"command", b"fast-command")), default=0)
    mean = f"{total / calls / 1000:.2f}" if calls else "-"
    print(f"| {name} | {seconds:.2f} | {calls:,} | {mean} | {worst or 'less than 5'} |", flush=True)
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=1_000_000)
    options = parser.parse_args()
    with server() as url, redis.Redis.from_url(url) as connection:
        connection.config_set("latency-monitor-threshold", 5)
        jobs = JobQueue(url)
        queue = jobs.queue("default")
        fill(jobs, connection, options.jobs)
        memory = connection.info("memory")["used_memory"] / 2**20
        print(f"\n{options.jobs:,} jobs wait, and {options.jobs:,} have failed, {memory:,.0f} MiB; {machine()}\n")
        print("| operation | seconds | calls | mean, ms | longest, ms |\n|---|---|---|---|---|")

        def measure(name: str, what: Callable[[], Any]) -> Any:
            return measured(connection, name, what)

        def shell(*words: str, shown: str = "") -> None:
            command = [sys.executable, "-m", "jobqueue", *words, "-u", url]
            # Exit code 1 is an answer too: of `health`, when nobody serves the queue.
            run = functools.partial(
                subprocess.run, command, cwd=HERE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            assert measure(f"`jobqueue {shown or ' '.join(words)}" + ("" if "`" in shown else "`"), run).returncode in (
                0,
                1,
            )

        waiting = [job.id for job in itertools.islice(queue.jobs("waiting"), 100_000)]
        last = f"failed{options.jobs - 1:08}"
        shell("status")
        shell("job", "list")
        shell("job", "list", "--state", "failed")
        shell("explain", waiting[0], shown="explain ID`, of the next job in the line")
        shell("explain", waiting[-1], shown="explain ID`, of the hundred thousandth")
        shell("explain", last, shown="explain ID`, of one that has failed")
        shell("explain", waiting[-1][:10], shown="explain BEGINNING`, of an id among all")
        shell("job", "timeline", last, shown="job timeline ID")
        shell("failed", "list", "--group-by", "error")
        shell("queue", "show", "default")
        shell("health")
        shell("top", "--once")
        groups = measure("`failed_groups()`", queue.failed_groups)
        assert sum(group.count for group in groups) == options.jobs
        where = f"fingerprint={groups[0].name} and failed_at>-2h"
        count = measure("`find`, those of one error in the last 2 hours", lambda: len(list(queue.find(where))))
        assert 0 < count < options.jobs // ERRORS
        one = options.jobs // TASKS
        assert measure(f"`retry_all('task=task_3')`, {one:,}", lambda: queue.retry_all("task=task_3")) == one
        where = "error~'no answer in 77 s'"
        assert measure("`find`, by a text in the error of all", lambda: len(list(queue.find(where)))) == 1
        assert measure(f"`drain()`, {options.jobs + one:,}", queue.drain) == options.jobs + one
        rest = options.jobs - one
        assert measure(f"`clean('failed')`, {rest:,}", lambda: queue.clean("failed")) == rest
        fill(jobs, connection, options.jobs)
        assert measure(f"`obliterate()`, {2 * options.jobs:,}", queue.obliterate) == 2 * options.jobs
        jobs.close()


if __name__ == "__main__":
    main()
