"""Random operations with priorities, keys, limits, deduplication and dependencies, on the real scripts.

The machine counts what runs by itself, outside Redis. After each step the keyspace is audited; in the end all limits
are lifted, and every job must come to its end.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import ClassVar

import hypothesis.strategies as st
import pytest
from audit import problems, read_keyspace
from hypothesis import note, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from jobqueue.dependencies import Edge
from jobqueue.job import JobState
from jobqueue.outcome import (
    Blocked,
    Cancelled,
    Completed,
    ErrorText,
    Failed,
    Interrupted,
    Limited,
    Lost,
    Parked,
    Retried,
    Snoozed,
)
from jobqueue.steering import Steering
from jobqueue.store import control, rules
from jobqueue.store.claims import Settlement, blocking_move, claim, heartbeat, reap, register, settle, unpark
from jobqueue.store.client import SyncClient
from jobqueue.store.inspect import show
from jobqueue.store.jobs import NewJob, add_steered, cancel, hasten, prioritize, remove, retry
from jobqueue.store.keys import queue_keys
from jobqueue.store.relay import relay
from jobqueue.store.server import MemoryServer, Server, server_at
from jobqueue.store.upkeep import promote

START = 1_763_700_000_000
LEASE = 600
ERROR = ErrorText("ValueError", "no")
GATES = ["queue", "keys", "key:a", "key:b", "task:x", "task:y"]
POLICIES = ["fail", "run", "ignore", "cancel"]
DEDUP = [("until_done", 0, "u"), ("keep_last", 0, "l"), ("throttle", 5, "t"), ("debounce", 3, "d")]

# What jobs may be: task, key, priority, lifo, delay, expiry, deduplication.
PLAIN = [(task, key, 0, False, None, None, None) for task in "xy" for key in (None, "a", "b")]
WANTED = [
    *PLAIN,
    *PLAIN,
    *[(task, key, priority, False, None, None, None) for task in "xy" for key in (None, "a") for priority in (-1, 2)],
    *[("x", key, 0, True, None, None, None) for key in (None, "a")],
    *[("x", key, priority, False, 2, None, None) for key in (None, "a") for priority in (0, 1)],
    *[("y", key, 0, False, None, 4, None) for key in (None, "b")],
    *[("x", key, 0, False, None, None, dedup) for key in (None, "a") for dedup in DEDUP],
]


@dataclass
class Job:
    """What the machine knows of a job without asking.

    Attributes:
        simple: whether nothing has moved it since it was added, so that its place follows from its number.
    """

    number: int
    task: str
    key: str | None
    priority: int
    dedup: tuple | None
    simple: bool
    after: list[str] = field(default_factory=list)


class Machine(RuleBasedStateMachine):
    """Operations as producers, workers and operators do them, in any order."""

    server: ClassVar[Server]

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.client = SyncClient(self.server, now=lambda: self.now)
        self.client.redis.flushall()
        self.keys = queue_keys("jq", "mail")
        self.jobs: dict[str, Job] = {}
        self.running: dict[str, tuple[str, int]] = {}
        self.limits: dict[str, int] = {}
        self.paused: set[str] = set()
        self.workers: dict[str, int] = {}
        self.numbers = 0
        self.last_claimed: dict[tuple, int] = {}

    @initialize(limits=st.dictionaries(st.sampled_from(GATES), st.sampled_from([1, 2, 3]), max_size=3))
    def somebody_works(self, limits) -> None:
        self.start_worker()
        self.start_worker()
        for gate, most in limits.items():
            self.limit(gate, most)
        self.add([*PLAIN, *PLAIN], None)

    def start_worker(self) -> None:
        worker = f"w{len(self.workers) + 1}"
        assert self.client.run(register(self.keys, worker, LEASE, {}))
        self.workers[worker] = 0

    def state(self, job_id: str) -> JobState | None:
        info = self.client.run(show(self.keys, job_id))
        return info.state if info else None

    # -- producers ---------------------------------------------------------------------------------------------------

    @rule(
        wanted=st.lists(st.sampled_from(WANTED), min_size=1, max_size=5), waits=st.sampled_from([None, None, *POLICIES])
    )
    def add(self, wanted, waits):
        new, made = [], {}
        # The oldest and the youngest that it may wait for.
        known = [job_id for job_id in (*list(self.jobs)[:1], *list(self.jobs)[-1:]) if self.state(job_id) is not None]
        for task, key, priority, lifo, delay, expires, dedup in wanted:
            self.numbers += 1
            job_id = f"j{self.numbers}"
            others = list(dict.fromkeys(known)) if waits and dedup is None else []
            edges = tuple(Edge("mail", other, waits) for other in others)
            shared = dedup and (*dedup[:2], f"{dedup[2]}@{key}")
            steering = Steering(priority, lifo, key, expires, shared, None, edges)
            new.append(NewJob(job_id, b'{"task":"%b","args":{}}' % task.encode(), delay, steering or None))
            simple = not (lifo or delay or expires or dedup or edges)
            made[job_id] = Job(self.numbers, task, key, priority, shared, simple, others)
        added = self.client.run(add_steered(self.keys, new))
        assert not added.existed
        assert not added.refused
        for job_id, job in made.items():
            if job_id in added.duplicates:
                assert job.dedup is not None
                standing = self.jobs.get(added.duplicates[job_id], made.get(added.duplicates[job_id]))
                if standing and job.dedup[0] in ("keep_last", "debounce"):
                    standing.task = job.task  # the last one wins, in the place of the first
            else:
                self.jobs[job_id] = job

    # -- operators ---------------------------------------------------------------------------------------------------

    # Rules are drawn evenly, so those that matter less share one.

    @rule(data=st.data())
    def steer(self, data):
        if data.draw(st.sampled_from([True, True, False])):
            self.limit(data.draw(st.sampled_from(GATES)), data.draw(st.sampled_from([1, 1, 2, None])))
        else:
            gate = data.draw(st.sampled_from(["key:a", "task:x", "queue"]))
            self.pause_or_resume(gate, gate not in self.paused)

    def gate_comes(self, gate):
        """What lies in the line when its task gets a gate is moved bit by bit, and may be overtaken until it is."""
        for job in self.jobs.values():
            if gate == f"task:{job.task}":
                job.simple = False

    def limit(self, gate, most):
        self.gate_comes(gate)
        self.client.run(rules.limit(self.keys, gate, {"concurrency": "-" if most is None else str(most)}))
        self.limits.pop(gate, None)
        if most is not None:
            self.limits[gate] = most

    def pause_or_resume(self, gate, on):
        if gate == "queue":
            self.client.run(control.pause(self.keys) if on else control.resume(self.keys))
        else:
            self.gate_comes(gate)
            self.client.run(rules.limit(self.keys, gate, {"paused": "1" if on else "-"}))
        (self.paused.add if on else self.paused.discard)(gate)

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), what=st.sampled_from(["cancel", "cancel flow", "remove", "retry", "prioritize", "hasten"]))
    def operate(self, data, what):
        job_id = data.draw(st.sampled_from(list(self.jobs)))
        self.jobs[job_id].simple = False
        match what:
            case "cancel":
                self.client.run(cancel(self.keys, job_id, "x"))
            case "cancel flow":
                self.client.run(cancel(self.keys, job_id, "x", dependencies=True))
            case "remove":
                if self.client.run(remove(self.keys, job_id)) is not JobState.ACTIVE:
                    del self.jobs[job_id]
            case "retry":
                self.client.run(retry(self.keys, job_id))
            case "prioritize":
                priority = data.draw(st.sampled_from([-1, 0, 3]))
                if self.client.run(prioritize(self.keys, job_id, priority)) not in (JobState.ACTIVE, None):
                    self.jobs[job_id].priority = priority
            case "hasten":
                self.client.run(hasten(self.keys, job_id))

    # -- time, and what workers do beside their jobs -----------------------------------------------------------------

    @rule(data=st.data(), what=st.sampled_from(["time", "time", "blmove", "unpark"]))
    def meanwhile(self, data, what):
        match what:
            case "time":
                self.now += data.draw(st.sampled_from([1, 1000, 3000, 5000]))
                self.upkeep()
            case "blmove":
                move = blocking_move(self.keys, data.draw(st.sampled_from(sorted(self.workers))), 1, knows_blmove=True)
                moved = self.client.redis.execute_command("LMOVE", *move[1:5])
                if moved and moved.decode() in self.jobs:
                    self.jobs[moved.decode()].simple = False  # whoever has it may take its time
            case "unpark":
                fingerprint = data.draw(st.sampled_from(["f1", "f2"]))
                self.client.run(unpark(self.keys, [("x", fingerprint), ("y", fingerprint)]))

    def upkeep(self):
        for worker in self.workers:
            self.client.run(heartbeat(self.keys, worker, LEASE))
        self.client.run(promote(self.keys))
        for _ in range(100):
            if not self.client.run(relay(self.keys)).more:
                return
        raise AssertionError(f"the outbox is never empty: {self.client.redis.lrange(self.keys['outbox'], 0, 5)}")

    # -- workers -----------------------------------------------------------------------------------------------------

    @rule(data=st.data(), n=st.sampled_from([0, 2, 4, 6]), twice=st.booleans())
    def claim(self, data, n, twice):
        call, answer = self.take(data.draw(st.sampled_from(sorted(self.workers))), n)
        if twice:
            assert self.client.run(call) == answer

    def take(self, worker, n):
        self.workers[worker] += 1
        call = claim(self.keys, worker, self.workers[worker], n)
        answer = self.client.run(call)
        self.take_over(worker, answer)
        return call, answer

    @precondition(lambda self: self.running)
    @rule(
        count=st.integers(1, 4),
        kinds=st.lists(st.integers(0, 17), min_size=4, max_size=4),
        n=st.sampled_from([0, 1, 4, 4]),
        twice=st.booleans(),
    )
    def settle(self, count, kinds, n, twice):
        chosen = sorted(self.running)[:count]
        outcomes = [self.outcome(job_id, kind) for job_id, kind in zip(chosen, kinds, strict=False)]
        call, answer = self.settle_as(chosen, outcomes, n)
        if twice:
            assert self.client.run(call) == answer

    def settle_as(self, chosen, outcomes, n):
        worker = self.running[chosen[0]][0]
        self.workers[worker] += 1
        settlements = [
            Settlement(job_id, self.running[job_id][1], o) for job_id, o in zip(chosen, outcomes, strict=True)
        ]
        call = settle(self.keys, worker, self.workers[worker], n, settlements)
        answer = self.client.run(call)
        assert answer.applied == (True,) * len(chosen)
        for job_id in chosen:
            del self.running[job_id]
            if job_id in self.jobs:
                self.jobs[job_id].simple = False
                if self.state(job_id) is None:
                    del self.jobs[job_id]
        self.take_over(worker, answer)
        return call, answer

    def outcome(self, job_id, kind):
        rare = {
            6: Completed(b"1", 0), 7: Failed(ERROR), 8: Failed(ERROR), 9: Retried(ERROR, 0), 10: Retried(ERROR, 2),
            11: Snoozed(0), 12: Cancelled("x"), 13: Interrupted("x"), 14: Limited("queue", 1), 15: Limited("key:a", 2),
            16: Limited("task:x", 1), 17: Parked(self.jobs[job_id].task, "f1", "x") if job_id in self.jobs else None,
        }  # fmt: skip
        if kind == 0 and job_id in self.jobs:
            # A job waits for younger ones only, so that no circle comes about.
            for other in reversed(self.jobs):
                younger = self.jobs[other].number > self.jobs[job_id].number
                if younger and job_id not in self.all_below(other):
                    self.jobs[job_id].after.append(other)
                    return Blocked(f"run:mail/{other}")
        return rare.get(kind) or Completed(b"1")

    @precondition(lambda self: len(self.workers) < 6)
    @rule(data=st.data(), lost=st.booleans())
    def worker_dies(self, data, lost):
        worker = data.draw(st.sampled_from(sorted(self.workers)))
        outcome = Lost("x") if lost else Interrupted("x")
        assert self.client.run(reap(self.keys, worker, outcome, force=True)).cursor == "0"
        del self.workers[worker]
        for job_id in [job_id for job_id, (holder, _) in self.running.items() if holder == worker]:
            del self.running[job_id]
            self.jobs[job_id].simple = False
        self.numbers += 1
        name = f"v{self.numbers}"
        assert self.client.run(register(self.keys, name, LEASE, {}))
        self.workers[name] = 0

    def all_below(self, job_id: str) -> set[str]:
        found, open_ids = set(), [job_id]
        while open_ids:
            for other in self.jobs[open_ids.pop()].after:
                if other not in found and other in self.jobs:
                    found.add(other)
                    open_ids.append(other)
        return found

    def take_over(self, worker, answer) -> None:
        assert answer.lease
        for job in answer.jobs:
            assert job.id not in self.running, "held twice"
            self.running[job.id] = (worker, job.token)
        counts = Counter(gate for job_id in self.running for gate in self.gates(self.jobs[job_id]))
        for claimed in answer.jobs:
            job = self.jobs[claimed.id]
            for gate in self.gates(job):
                most = self.limits.get(gate, self.limits.get("keys") if gate.startswith("key:") else None)
                assert most is None or counts[gate] <= most, f"{gate} runs {counts[gate]}, and its limit is {most}"
                assert gate not in self.paused, f"{claimed.id} has started, although {gate} is paused"
            if job.simple:
                line = (job.key, job.priority, job.task)
                assert self.last_claimed.get(line, 0) < job.number, f"{claimed.id} was overtaken"
                self.last_claimed[line] = job.number

    def gates(self, job: Job) -> list[str]:
        return ["queue", f"task:{job.task}", *([f"key:{job.key}"] if job.key else [])]

    @rule(worker=st.integers(0, 1), count=st.integers(1, 3), n=st.sampled_from([1, 4]))
    def work(self, worker, count, n):
        """What workers do most of the time: end some jobs well, and take more."""
        if not self.running:
            self.take(sorted(self.workers)[worker], n)
            return
        chosen = sorted(self.running)[:count]
        self.settle_as(chosen, [Completed(b"1") for _ in chosen], n)

    # -- what must hold ----------------------------------------------------------------------------------------------

    @invariant()
    def the_keyspace_is_sound(self):
        space = read_keyspace(self.client.redis, self.keys)
        assert problems(space) == []
        assert set(space["active"]) == set(self.running)
        note(f"{len(space['jobs'])} jobs, {len(self.running)} run")
        alive = [
            job_id
            for job_id in self.jobs
            if job_id in space["jobs"]
            and not any(job_id in space[state] for state in ("completed", "failed", "cancelled"))
        ]
        owners = Counter(self.jobs[job_id].dedup for job_id in alive)
        running = Counter(self.jobs[job_id].dedup for job_id in alive if job_id in self.running)
        for dedup in owners:
            if dedup is not None and dedup[0] in ("until_done", "keep_last"):
                assert owners[dedup] <= (1 if dedup[0] == "until_done" else 2)
                assert running[dedup] <= 1

    def teardown(self) -> None:
        """Lift all limits, and let everything come to its end: nothing waits for ever."""
        try:
            if self.workers:
                self.everything_ends()
        finally:
            self.client.close()

    def everything_ends(self) -> None:
        for gate in GATES:
            self.client.run(rules.limit(self.keys, gate, {"concurrency": "-", "paused": "-"}))
        self.client.run(control.resume(self.keys))
        worker = min(self.workers)
        left = {}
        for _ in range(60):
            self.now += 3000
            self.upkeep()
            self.client.run(unpark(self.keys, [("x", "f9"), ("y", "f9")]))
            for job_id, (_, token) in sorted(self.running.items()):
                self.workers[worker] += 1
                done = Settlement(job_id, token, Completed(b"1"))
                assert self.client.run(settle(self.keys, worker, self.workers[worker], 0, [done])).applied == (True,)
            self.workers[worker] += 1
            answer = self.client.run(claim(self.keys, worker, self.workers[worker], 100))
            self.running = {job.id: (worker, job.token) for job in answer.jobs}
            space = read_keyspace(self.client.redis, self.keys)
            left = {
                job_id: sorted(name for name, value in space.values.items() if job_id in value)
                for job_id in space["jobs"]
                if not any(job_id in space[state] for state in ("completed", "failed", "cancelled"))
            }
            if not left:
                break
            # What landed in the inboxes of others is theirs to claim.
            for other in self.workers:
                if other != worker and space.inboxes.get(other):
                    self.client.run(reap(self.keys, other, Interrupted("x"), force=True))
        assert left == {}, "these have not come to an end"
        assert problems(read_keyspace(self.client.redis, self.keys)) == []


@pytest.fixture(params=["memory", "valkey", "redis62"])
def machine(request, servers):
    server = MemoryServer() if request.param == "memory" else server_at(servers(request.param).url)
    return type("OnThatServer", (Machine,), {"server": server}), 4 if request.param == "memory" else 35


@pytest.mark.timeout(240)
def test_no_limit_is_exceeded_and_everything_comes_to_its_end(machine):
    kind, examples = machine
    run = kind.TestCase
    run.settings = settings(max_examples=examples, stateful_step_count=50, deadline=None)
    run("runTest").runTest()
