"""Worker processes are killed, frozen, blocked, told to stop, and crash by themselves."""

import itertools
import os
import signal
import time

import psutil
from chaos.arena import Arena, a_flow, job, mixed, short_work, usual
from chaos.crash import every_point, run_points
from chaos.scenario import Found, Terms, end, scenario
from chaos.verdict import Verdict
from model.protocol import Protocol, explore
from servers import running

from jobqueue import JobQueue


@scenario("F1", "worker processes are killed (kill -9) in the middle of jobs, every 300 ms")
def killed(terms: Terms) -> Found:
    with Arena(terms.seed) as arena:
        arena.start_worker("-p", 3, "-c", 20)
        arena.working(3)
        arena.produce(terms.jobs(20_000), mixed)
        arena.produce(terms.jobs(20_000), short_work)
        arena.nemesis(lambda: kill_one(arena), 0.3)
        return end(arena)


@scenario("F2", "killed, cut or deafened at each command of a job's life")
def crash_points(terms: Terms) -> Found:
    total, faults = Verdict(), 0
    with running(usual(), "--appendonly", "no") as server:
        [whole] = run_points([None], server.socket)
        for result in run_points(every_point(whole.sent, most=max(1, round(4 * terms.scale))), server.socket):
            faults += result.reached
            add(total, result.verdict, f"{result.point}: ")
    return total, faults, f"{faults} crash points"


@scenario("F2m", "the protocol itself: every order of a crash, a lost reply and an expired lease, of one and two jobs")
def model(terms: Terms) -> Found:
    states = 0
    verdict = Verdict()
    for jobs, faults in ((1, {"crash": 1, "lost": 1, "expire": 1}), (2, {"crash": 1, "lost": 1, "expire": 0})):
        visited, wrong = explore(Protocol(jobs, **faults, again=0))
        states += visited
        verdict.jobs += jobs
        verdict.wrong += [f"{kind}: {' '.join(steps)}" for kind, steps in wrong.items()]
    return verdict, 0, f"{states:,} states"


@scenario("F7", "a worker process stands still (SIGSTOP) for three times its lease, and goes on")
def frozen(terms: Terms) -> Found:
    with Arena(terms.seed, lease=1.0) as arena:
        arena.start_worker("-p", 2, "-c", 10)
        arena.working(2)
        arena.produce(terms.jobs(6_000), short_work, rate=400)

        def freeze() -> None:
            for process in arena.rng.sample(arena.children(), 1):
                process.suspend()
                arena.fault("freeze")
                arena.pause(3 * arena.lease)
                process.resume()

        arena.nemesis(freeze, 4.0)
        return end(arena)


@scenario("F8", "jobs block the event loop, or all threads of their process, for longer than the lease")
def blocked(terms: Terms) -> Found:
    with Arena(terms.seed, lease=1.0) as arena:
        arena.start_worker("-p", 2, "-c", 5)
        arena.working(2)
        arena.produce(terms.jobs(3_000), short_work, rate=300)
        with arena.application() as jobs:
            for number in range(4):
                task = ("blocks", "holds_on")[number % 2]
                arena.enqueue(jobs, [job(jobs, arena.rng, task, number, args={"seconds": 2.5})])
                arena.fault(task)
        return end(arena)


@scenario(
    "F9", "jobs crash their process once: segmentation fault, exit, kill -9 as by the kernel out of memory, abort"
)
def crashing(terms: Terms) -> Found:
    with Arena(terms.seed, lease=20.0) as arena:  # crashes are noticed by the supervisor
        arena.start_worker("-p", 2, "-c", 10)
        arena.working(2)
        arena.produce(terms.jobs(5_000), short_work, rate=1000)
        crash_all(arena, 12, always=False)
        # One that was lost twice with its neighbours, and then crashes by itself, is poison by the rule.
        return end(arena)


@scenario("F10", "jobs crash their process each time they run")
def poison(terms: Terms) -> Found:
    with Arena(terms.seed, lease=20.0) as arena:  # crashes are noticed by the supervisor
        arena.start_worker("-p", 2, "-c", 10)
        arena.working(2)
        arena.produce(terms.jobs(5_000), short_work, rate=1000)
        crash_all(arena, 8, always=True)
        verdict, faults, _ = end(arena, within=120)
        # Those that were beside them each time, eleven times, are too: that is the rule.
        if verdict.quarantined < 8:
            verdict.wrong.append(f"{verdict.quarantined} of 8 poison pills are quarantined")
        return verdict, faults, "8 poison pills"


@scenario("F11", "a deploy: each worker is told to stop (SIGTERM) while it is busy, and another is started")
def rolling_restart(terms: Terms) -> Found:
    with Arena(terms.seed) as arena:
        arena.start_worker("-c", 20)
        arena.working(1)
        arena.produce(terms.jobs(8_000), mixed, rate=800)
        for _ in range(max(2, round(8 * terms.scale))):
            arena.pause(1)
            arena.start_worker("-c", 20)
            arena.fault("restart")
            arena.end_worker(arena.workers[0])
        verdict, faults, _ = end(arena)
        if verdict.quarantined:
            verdict.wrong.append("a deploy has cost jobs their life")
        return verdict, faults, ""


@scenario("F12", "a worker is told to stop (SIGTERM) while it starts")
def stopped_at_boot(terms: Terms) -> Found:
    slowest = 0.0
    with Arena(terms.seed) as arena:
        arena.produce(100, short_work)
        for number in range(max(3, round(20 * terms.scale))):
            worker = arena.start_worker()
            arena.pause(arena.rng.uniform(0, 1.0))
            began = time.monotonic()
            arena.end_worker(worker)
            slowest = max(slowest, time.monotonic() - began)
            arena.fault("stop")
            if worker.returncode not in (0, -signal.SIGTERM):
                raise AssertionError(f"stop {number}: exit code {worker.returncode}\n{arena.logs()}")
        return end(arena, f"the slowest stop took {slowest:.1f} s")


@scenario("F27", "flows of 1,000 jobs, some of which fail, under kills and lost replies")
def wide_flows(terms: Terms) -> Found:
    from chaos.proxy import Swallow

    with Arena(terms.seed) as arena:
        arena.start_worker("-p", 2, "-c", 20)
        arena.working(2)
        arena.nemesis(lambda: kill_one(arena), 1.0)
        arena.on_commands(0.02, Swallow(), names={"settle", "relay", "receive", "delivered", "reap"})
        with arena.application() as jobs:
            for number in range(max(1, round(10 * terms.scale))):
                flow = a_flow(jobs, arena.rng, number, parts=1000)
                arena.enqueue_flow(jobs, flow)
                if number % 3 == 0:
                    # One that fails for good: the job that waits for it fails, and nothing is left waiting.
                    failing = job(jobs, arena.rng, "stumbles", number, args={"n": number, "times": 9})
                    arena.enqueue_flow(jobs, type(flow)(job(jobs, arena.rng, "whole", number), after=[failing]))
        return end(arena, within=120)


@scenario("F31", "applications fork after they have connected, and share one connection pool among threads")
def forked(terms: Terms) -> Found:
    each = terms.jobs(1_000)
    with Arena(terms.seed) as arena:
        arena.start_worker("-c", 50)
        arena.working(1)
        with arena.application(arena.proxy.url) as jobs:
            jobs.queues()  # it is connected now
            processes = []
            for number in range(6):
                process = os.fork()
                if process == 0:
                    code = 1
                    try:
                        enqueue_from_threads(arena, jobs, number, each)
                        code = 0
                    finally:
                        os._exit(code)
                processes.append(process)
                arena.fault("fork")
            enqueue_from_threads(arena, jobs, 6, each)
            codes = [os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) for process in processes]
            assert codes == [0] * 6, f"forks have ended with {codes}"
        return end(arena)


def enqueue_from_threads(arena: Arena, jobs: JobQueue, number: int, count: int) -> None:
    """Enqueue from four threads at once."""
    from concurrent.futures import ThreadPoolExecutor

    main = jobs.queue("main")

    def enqueue(n: int) -> bool:
        return arena.enqueue(jobs, [main.draft("work", {"n": n}, id=f"fork{number}.{n}")])

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(enqueue, range(count)))


def kill_one(arena: Arena) -> None:
    """Kill a worker process that has been there longest, so that the others get on."""
    children = sorted(arena.children(), key=psutil.Process.create_time)
    if len(children) > 1:
        arena.kill(children[0])


def crash_all(arena: Arena, count: int, *, always: bool) -> None:
    """Enqueue jobs that crash their process."""
    ways = itertools.cycle(["segfault", "exit", "kill", "abort"])
    with arena.application() as jobs:
        for number, how in zip(range(count), ways, strict=False):
            arena.enqueue(jobs, [job(jobs, arena.rng, "crashes", number, args={"how": how, "always": always})])
            arena.fault(how)


def add(total: Verdict, verdict: Verdict, where: str) -> None:
    """Add what was found to what was found before."""
    total.jobs += verdict.jobs
    total.accepted += verdict.accepted
    total.refused += verdict.refused
    total.forgotten += verdict.forgotten
    total.repeats += verdict.repeats
    total.quarantined += verdict.quarantined
    total.recovery = max(total.recovery, verdict.recovery)
    for name in ("lost", "stuck", "overlaps", "leaked", "wrong"):
        getattr(total, name).extend(where + text for text in getattr(verdict, name))
