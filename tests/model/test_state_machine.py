"""Random operations on the real scripts, compared with a plain model after each step, and the keyspace audited."""

from typing import ClassVar

import hypothesis.strategies as st
import pytest
from audit import problems, read_keyspace
from hypothesis import note, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from model.plain import PlainQueue, PlainWorker

from jobqueue.job import Counts, OutcomeKind
from jobqueue.outcome import (
    Cancelled,
    Completed,
    ErrorText,
    Failed,
    Interrupted,
    Lost,
    Outcome,
    Parked,
    Retried,
    Snoozed,
)
from jobqueue.retention import Keep, Retention
from jobqueue.store import control
from jobqueue.store.claims import Settlement, blocking_move, claim, heartbeat, reap, register, settle, unpark
from jobqueue.store.client import SyncClient
from jobqueue.store.jobs import Added, NewJob, add, cancel, remove, retry
from jobqueue.store.keys import queue_keys
from jobqueue.store.server import MemoryServer, Server, server_at
from jobqueue.store.upkeep import promote, prune

START = 1_763_700_000_000
LEASE = 30
IDS = [f"job{number}" for number in range(9)]
ERROR = ErrorText("ValueError", "no")

OUTCOMES = st.sampled_from(
    [
        Completed(b"1"), Completed(b"1", 0), Completed(b"1", 20), Failed(ERROR), Retried(ERROR, 0), Retried(ERROR, 7),
        Snoozed(0), Snoozed(3), Cancelled("x"), Interrupted("x"), Lost("x"), Parked("greet", "f1", "x"),
        Parked("greet", "", "x"),
    ]
)  # fmt: skip


class Machine(RuleBasedStateMachine):
    """Operations as producers, workers and operators do them, in any order."""

    server: ClassVar[Server]

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.client = SyncClient(self.server, now=lambda: self.now)
        self.client.redis.flushall()
        self.keys = queue_keys("jq", "mail")
        self.plain = PlainQueue(START)
        self.lives = 0

    def teardown(self) -> None:
        self.client.close()

    @initialize()
    def somebody_works(self) -> None:
        self.start_worker()

    # -- producers and operators -------------------------------------------------------------------------------------

    @rule(ids=st.lists(st.sampled_from(IDS), min_size=1, max_size=4), delay=st.sampled_from([0, 0, 0, 1, 10]))
    def add(self, ids, delay):
        new = [NewJob(job_id, b'{"task":"greet","args":{}}', delay or None) for job_id in ids]
        added = self.client.run(add(self.keys, new))
        created = [job_id for job_id in ids if self.plain.add(job_id, delay * 1000)]
        existed = set(ids) - set(created) | {job_id for job_id in ids if ids.count(job_id) > 1}
        assert added == Added(frozenset(existed))

    # Rules are drawn evenly, so those that matter less share one.

    @rule(data=st.data(), what=st.sampled_from(["cancel", "cancel", "remove", "retry"]))
    def operate(self, data, what):
        job_id = data.draw(st.sampled_from(sorted(self.plain.jobs) or IDS) | st.sampled_from(IDS))
        call = {
            "cancel": lambda: cancel(self.keys, job_id, "x"),
            "remove": lambda: remove(self.keys, job_id),
            "retry": lambda: retry(self.keys, job_id),
        }[what]()
        assert self.client.run(call) == getattr(self.plain, what)(job_id)

    @rule()
    def pause_or_resume(self):
        if self.plain.paused:
            assert self.client.run(control.resume(self.keys))
            assert not self.client.run(control.resume(self.keys))
        else:
            assert self.client.run(control.pause(self.keys))
            assert not self.client.run(control.pause(self.keys))
        self.plain.paused = not self.plain.paused

    # -- time --------------------------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([0.001, 1, 5, 12, 31, 700]))
    def time_goes_by(self, seconds):
        self.now += round(seconds * 1000)
        self.plain.now = self.now
        self.client.run(promote(self.keys))
        self.plain.promote()

    @rule(age=st.sampled_from([0, 10, 1000]), count=st.sampled_from([0, 1, 100]))
    def prune(self, age, count):
        keep = Keep(age, count)
        self.client.run(prune(self.keys, Retention(keep, keep, keep)))
        ended = ("completed", "failed", "cancelled")
        self.plain.prune(dict.fromkeys(ended, age * 1000), dict.fromkeys(ended, count))

    # -- workers -----------------------------------------------------------------------------------------------------

    @precondition(lambda self: len(self.plain.workers) < 4)
    @rule()
    def start_worker(self):
        self.lives += 1
        worker = f"w{self.lives}"
        assert self.client.run(register(self.keys, worker, LEASE, {}))
        self.plain.workers[worker] = PlainWorker(lease=self.now + LEASE * 1000)

    @precondition(lambda self: self.plain.workers)
    @rule(data=st.data())
    def heartbeat(self, data):
        worker = self.some_worker(data)
        found = self.plain.workers[worker]
        pulse = self.client.run(heartbeat(self.keys, worker, LEASE))
        assert pulse.live is not found.dead
        if pulse.live:
            found.lease = self.now + LEASE * 1000
            assert set(pulse.cancelling) == {job_id for job_id, job in self.plain.jobs.items() if job.cancelling}

    @precondition(lambda self: self.plain.workers)
    @rule(data=st.data())
    def blmove(self, data):
        """The server serves a BLMOVE, also of a worker that has died since it sent it."""
        worker = self.some_worker(data)
        move = blocking_move(self.keys, worker, 1, knows_blmove=True)
        self.client.redis.execute_command("LMOVE", *move[1:5])
        self.plain.blmove(worker)

    @precondition(lambda self: self.plain.workers)
    @rule(data=st.data(), n=st.sampled_from([0, 1, 2, 4, 4]), twice=st.booleans())
    def claim(self, data, n, twice):
        worker = self.some_worker(data)
        found = self.plain.workers[worker]
        found.request += 1
        call = claim(self.keys, worker, found.request, n)
        answer = self.client.run(call)
        self.check_answer(answer, *self.plain.exchange(worker, [], n))
        if twice:
            assert self.client.run(call) == answer

    @precondition(lambda self: self.plain.workers)
    @rule(data=st.data(), n=st.integers(0, 3), twice=st.booleans())
    def settle(self, data, n, twice):
        worker = self.some_worker(data)
        active = sorted((job_id, job.token) for job_id, job in self.plain.jobs.items() if job.state == "active")
        stale = [(job_id, token - 1) for job_id, token in active] or [(IDS[0], START * 1000)]
        runs = st.sampled_from(active or stale) | st.sampled_from(active or stale) | st.sampled_from(stale)
        chosen = data.draw(st.lists(runs, min_size=1, max_size=4, unique_by=lambda run: run[0]))
        outcomes: list[Outcome] = [data.draw(OUTCOMES) for _ in chosen]
        found = self.plain.workers[worker]
        found.request += 1
        settlements = [Settlement(*run, outcome) for run, outcome in zip(chosen, outcomes, strict=True)]
        call = settle(self.keys, worker, found.request, n, settlements)
        answer = self.client.run(call)
        plain = [self.plain_outcome(*run, outcome) for run, outcome in zip(chosen, outcomes, strict=True)]
        self.check_answer(answer, *self.plain.exchange(worker, plain, n))
        if twice and answer.lease:
            assert self.client.run(call) == answer

    @precondition(lambda self: self.plain.workers)
    @rule(data=st.data(), force=st.booleans(), lost=st.booleans())
    def reap(self, data, force, lost):
        worker = self.some_worker(data)
        held = [] if self.plain.workers[worker].dead else self.plain.held_by(worker)
        outcome = Lost("x") if lost else Interrupted("x")
        reply = self.client.run(reap(self.keys, worker, outcome, force=force))
        assert reply.cursor in ("0", "-1")
        dead_before = self.plain.workers[worker].dead
        self.plain.reap(worker, outcome.kind, force)
        if worker in self.plain.workers and self.plain.workers[worker].dead and not dead_before:
            for job_id in held:
                token, limit = self.plain.jobs[job_id].token, 3 if len(held) == 1 else 11
                assert self.plain.settle(job_id, token, outcome.kind, 0, max_lost=limit)
            self.take_back(held)

    @rule(data=st.data())
    def unpark(self, data):
        known = data.draw(st.sampled_from([[("greet", "f1")], [("greet", "f2")], [("other", "f1")]]))
        count = self.client.run(unpark(self.keys, known))
        expected = self.plain.unpark(known)
        assert count == len(expected)
        self.take_back(expected, front=False)

    # -- helpers -----------------------------------------------------------------------------------------------------

    def some_worker(self, data) -> str:
        return data.draw(st.sampled_from(sorted(self.plain.workers)))

    def plain_outcome(self, job_id, token, outcome):
        number = -1
        if isinstance(outcome, Retried | Snoozed):
            number = round(outcome.delay * 1000)
        elif isinstance(outcome, Completed) and outcome.result_ttl is not None:
            number = round(outcome.result_ttl * 1000)
        topic = f"{outcome.task}|{outcome.fingerprint}" if isinstance(outcome, Parked) else ""
        return job_id, token, outcome.kind, number, topic

    def take_back(self, ids: list[str], front: bool = True) -> None:
        """Put ids into the model's line in the order in which the server did, which follows that of a hash."""
        waiting = [job_id for job_id in ids if self.plain.jobs[job_id].state == "waiting"]
        line = self.server_line()
        self.plain.admit(sorted(waiting, key=line.index, reverse=not front), front)

    def server_line(self) -> list[str]:
        name = self.keys["held" if self.plain.paused else "wait"]
        return [job_id.decode() for job_id in self.client.redis.lrange(name, 0, -1)]

    def check_answer(self, answer, applied, claimed) -> None:
        assert answer.lease is (claimed is not None)
        assert list(answer.applied) == applied
        assert [(job.id, job.token) for job in answer.jobs] == (claimed or [])
        assert [job.counts for job in answer.jobs] == [self.plain.jobs[job_id].counts for job_id, _ in claimed or []]

    # -- what must hold ----------------------------------------------------------------------------------------------

    @invariant()
    def the_keyspace_is_that_of_the_model(self):
        space = read_keyspace(self.client.redis, self.keys)
        assert problems(space) == []
        plain = self.plain
        assert set(space["jobs"]) == set(plain.jobs)
        assert space["held" if plain.paused else "wait"] == plain.line
        assert space["ghosts"] == plain.ghosts
        assert {worker: ids for worker, ids in space.inboxes.items() if ids} == {
            worker: found.inbox for worker, found in plain.workers.items() if found.inbox
        }
        assert space["delayed"] == {job_id: job.due for job_id, job in plain.jobs.items() if job.state == "delayed"}
        assert {job_id: entry.split(" ")[0::2] for job_id, entry in space["active"].items()} == {
            job_id: [str(job.token), job.holder] for job_id, job in plain.jobs.items() if job.state == "active"
        }
        for state in ("completed", "failed", "cancelled"):
            assert space[state] == {job_id: job.ended_at for job_id, job in plain.jobs.items() if job.state == state}
        for job_id, job in plain.jobs.items():
            counters, *records = space["attempts"].get(job_id, "").split("\n")
            assert Counts.parse(counters.encode()) == job.counts
            assert [OutcomeKind(record.split('"')[1]).value for record in records] == job.history
        assert set(space["workers"]) == {worker for worker, found in plain.workers.items() if not found.dead}
        note(f"{len(space['jobs'])} jobs")


@pytest.fixture(params=["memory", "valkey", "redis62"])
def machine(request, servers):
    server = MemoryServer() if request.param == "memory" else server_at(servers(request.param).url)
    return type("OnThatServer", (Machine,), {"server": server}), 15 if request.param == "memory" else 80


@pytest.mark.timeout(180)
def test_the_scripts_do_what_the_plain_model_does(machine):
    kind, examples = machine
    run = kind.TestCase
    run.settings = settings(max_examples=examples, stateful_step_count=40, deadline=None)
    run("runTest").runTest()
