"""What a doctor finds in queues whose keys a hand, an eviction or a restored backup has damaged, and repairs."""

import pytest
from audit import problems, read_keyspace
from servers import KINDS

from jobqueue import Dedup, Every, JobState, Limits
from jobqueue.outcome import ErrorText, Failed, Parked
from jobqueue.store.claims import unpark
from jobqueue.store.server import MemoryServer, Server

NOBODY = '["completed",1,2,"w1",3,null]'


class Ward:
    """A queue with a job in every state and place, and what is needed to damage it."""

    def __init__(self, jobs, note, counter) -> None:
        jobs.limits("default", each_key=Limits(concurrency=1))
        jobs.schedules.upsert("nightly", note.draft("nightly"), Every(hours=1))
        self.jobs, self.counter = jobs, counter()
        self.keys = jobs.keys("default")
        self.redis = jobs.connections.sync_client().redis
        self._note = note

        for label in ("done", "broken", "gone"):
            self.add(label)
        self.counter.take(3)
        self.counter.end("done")
        self.counter.end("broken", Failed(ErrorText("ValueError", "no")))
        self.counter.end("gone", Parked("gone", "", "no task 'gone' is known here"))
        self.add("dropped")
        jobs.job("default", "dropped").cancel("not wanted")
        self.add("acme1", key="acme")
        assert self.counter.take() == ["acme1"]
        self.add("acme2", key="acme")
        assert self.counter.take() == []  # its gate is closed now
        for label in ("plain1", "plain2", "plain3"):
            self.add(label)
        self.add("urgent", priority=5)
        self.add("later", delay=600)
        self.add("last", after=[jobs.job("default", "plain1")])
        self.add("only", dedup=Dedup(key="k"))
        self.counter.upkeep()

    def add(self, label, **options) -> None:
        self._note.using(id=label, **options).enqueue(label)

    def do(self, *words) -> None:
        """Execute a command whose second word is the short name of a key."""
        command, name, *rest = words
        self.redis.execute_command(command, self.keys[name], *rest)

    def get(self, *words) -> str:
        command, name, *rest = words
        return self.redis.execute_command(command, self.keys[name], *rest).decode()

    def codes(self, fix=False):
        found = self.jobs.inspect.doctor(fix, "default").findings
        return {each.code: (each.count, each.repaired) for each in found if each.queue}

    def discharge(self, travel) -> dict[str, int]:
        """Run all that is to run; return how many executions of each job have begun."""
        ran = dict.fromkeys(self.counter.held, 1)
        self.counter.held = {label: job for label, job in self.counter.held.items() if self._runs(label)}
        self.counter.end_all()
        travel.by(1000)
        self.counter.desk = type(self.counter.desk)(self.counter.client, self.keys, "w2")
        for _ in range(3):
            while self.counter.client.run(unpark(self.keys, [("gone", "x")])):
                pass
            self.counter.upkeep()
            for label in self.counter.drain():
                ran[label] = ran.get(label, 0) + 1
        return ran

    def _runs(self, label) -> bool:
        return self.jobs.job("default", label).state() is JobState.ACTIVE


@pytest.fixture
def server(request, real_servers) -> Server:
    """Return one real server, empty: there are many damages. Some of them are done to each kind."""
    kind = getattr(request, "param", "valkey")
    return MemoryServer() if kind == "memory" else real_servers(kind)


@pytest.fixture
def ward(jobs, note, counter):
    return Ward(jobs, note, counter)


def hold_in_wrong_name(ward):
    ward.redis.rename(ward.keys["wait"], ward.keys["held"])


def pause_beside(ward):
    ward.do("HSET", "meta", "paused", "1")
    ward.redis.copy(ward.keys["wait"], ward.keys["held"])
    ward.do("DEL", "wait")
    ward.do("LPUSH", "wait", "plain9")
    ward.do("HSET", "jobs", "plain9", ward.get("HGET", "jobs", "plain1").replace("plain1", "plain9"))


def lose_place(ward):
    ward.do("HDEL", "places", "urgent")


def lose_lane(ward):
    place = ward.get("HGET", "closed", "/acme")
    ward.do("HDEL", "closed", "/acme")
    ward.do("ZREM", "gated", f"{place}|/acme")


def lose_owner(ward):
    ward.do("HSET", "dedup", "lock", "nobody until_done 0 ")


def lose_edge(ward):
    ward.do("DEL", "dependents")
    ward.jobs.job("default", "plain1").cancel("nobody hears of it")


def forget_worker(ward):
    for name in ("worker_info", "claims"):
        ward.do("HDEL", name, "w1")
    ward.do("ZREM", "workers", "w1")


def leave_in_inbox(ward):
    ward.do("LREM", "wait", 1, "plain2")
    ward.redis.rpush(ward.keys.inbox("stranger"), "plain2")


# What is done to the ward, and what is found: how often each fault is.
DAMAGES = {
    "lost from the line": (lambda w: w.do("LREM", "wait", 1, "plain2"), {"lost": 1}),
    "lost with the whole line": (lambda w: w.do("DEL", "wait"), {"lost": 4}),
    "twice in the line": (lambda w: w.do("LPUSH", "wait", "plain2"), {"twice": 1}),
    "waits as a ghost": (lambda w: w.do("SADD", "ghosts", "plain2"), {"lost": 1}),
    "ghost of nobody": (lambda w: w.do("SADD", "ghosts", "nobody"), {"ghost": 1}),
    "in the line and active": (lambda w: w.do("RPUSH", "wait", "acme1"), {"scattered": 1}),
    "in the line and ended": (lambda w: w.do("RPUSH", "wait", "done"), {"scattered": 1}),
    "in the line and delayed": (lambda w: w.do("RPUSH", "wait", "later"), {"scattered": 1}),
    "active and delayed": (lambda w: w.do("ZADD", "delayed", 1, "acme1"), {"scattered": 1}),
    "ended twice": (lambda w: w.do("ZADD", "completed", 1, "dropped"), {"scattered": 1}),
    "in the line without a job": (lambda w: w.do("LPUSH", "wait", "nobody"), {"orphan": 1}),
    "delayed without a job": (lambda w: w.do("ZADD", "delayed", 1, "nobody"), {"orphan": 1}),
    "active without a job": (lambda w: w.do("HSET", "active", "nobody", "1 1 w1"), {"orphan": 1}),
    "failed without a job": (lambda w: w.do("ZADD", "failed", 1, "nobody"), {"orphan": 1}),
    "in the backlog without a job": (lambda w: w.do("ZADD", "backlog", 0, "/|1|nobody"), {"orphan": 1}),
    "in the backlog unnoted": (lose_place, {"misplaced": 1}),
    "twice in the backlog": (lambda w: w.do("ZADD", "backlog", 0, "/|1|urgent"), {"misplaced": 1}),
    "noted in the backlog": (lambda w: w.do("HSET", "places", "plain1", "/|1"), {"misplaced": 1}),
    "parked and unlisted": (lambda w: w.do("DEL", "parking"), {"unparked": 1}),
    "listed and not parked": (lambda w: w.do("ZADD", "parking", 0, "gone||plain1"), {"leftover": 1}),
    "ended without a record": (lambda w: w.do("HDEL", "outcomes", "done"), {"unrecorded": 1}),
    "failed without a record": (lambda w: w.do("HDEL", "outcomes", "broken"), {"unrecorded": 1, "leftover": 1}),
    "a record of the living": (lambda w: w.do("HSET", "outcomes", "later", NOBODY), {"unended": 1}),
    "a record of one in the line": (lambda w: w.do("HSET", "outcomes", "plain2", NOBODY), {"unended": 1}),
    "a record and nothing else": (lambda w: w.do("ZREM", "completed", "done"), {"lost": 1}),
    "failed and not indexed": (lambda w: w.do("DEL", "fingerprints"), {"unindexed": 1}),
    "indexed and not failed": (lambda w: w.do("ZADD", "fingerprints", 0, "-|note|1|later"), {"leftover": 1}),
    "columns of nobody": (
        lambda w: [
            w.do("HSET", name, "nobody", "1 1") for name in ("attempts", "progress", "logs", "notes", "blocking")
        ],
        {"leftover": 5},
    ),
    "times of nobody": (
        lambda w: [w.do("ZADD", name, 1, "nobody") for name in ("expiring", "deadlines")],
        {"leftover": 2},
    ),
    "asked to stop and not active": (lambda w: w.do("HSET", "cancelling", "plain1", '""'), {"leftover": 1}),
    "awaited and ended": (lambda w: w.do("SADD", "waiters", "done"), {"unanswered": 1}),
    "the line under the wrong name": (hold_in_wrong_name, {"line": 1}),
    "a job beside a paused line": (pause_beside, {"line": 1}),
    "a bell in the middle": (lambda w: w.do("LPUSH", "wait", "*"), {"bell": 1}),
    "a lane without turns": (lose_lane, {"unserved": 1}),
    "a lane in the ring and closed": (lambda w: w.do("ZADD", "ring", 1, "/acme"), {"lane": 1}),
    "a closed lane that no gate knows": (lambda w: w.do("DEL", "gated"), {"lane": 1}),
    "a gate that nobody opens": (lambda w: w.do("HDEL", "limits", "concurrency keys"), {"gate": 1}),
    "a slot of nobody": (lambda w: w.do("ZADD", "slots", 0, "key:acme|nobody"), {"slot": 1}),
    "active without a slot": (lambda w: w.do("DEL", "slots"), {"slot": 1, "gate": 1}),
    "not among those of its key": (lambda w: w.do("DEL", "keyed"), {"keyed": 2}),
    "a key of nobody": (lambda w: w.do("ZADD", "keyed", 0, "acme|plain1"), {"keyed": 1}),
    "a deduplication key of nobody": (lose_owner, {"owner": 1}),
    "a deduplication key for nobody": (lambda w: w.do("HSET", "dedup", "k", "only until_done 0 nobody"), {"heir": 1}),
    "never told": (lose_edge, {"untold": 1}),
    "not to be told": (lambda w: w.do("DEL", "dependents"), {"untold": 1}),
    "waits for none": (lambda w: w.do("HSET", "blocking", "last", "0 0 "), {"miscounted": 1}),
    "waits for too many": (lambda w: w.do("HSET", "blocking", "last", "7 0 "), {"miscounted": 1}),
    "a schedule without a slot": (lambda w: w.do("DEL", "upcoming"), {"slotless": 1}),
    "a schedule without a head": (lambda w: w.do("HDEL", "firings", "nightly"), {"headless": 1, "leftover": 1}),
    "a slot without a schedule": (lambda w: w.do("ZADD", "upcoming", 1, "daily"), {"leftover": 1}),
    "a head without a schedule": (lambda w: w.do("HSET", "firings", "daily", "paused user - - 0 1"), {"leftover": 1}),
    "active at a worker that is gone": (forget_worker, {"abandoned": 1}),
    "a worker without a description": (lambda w: w.do("DEL", "worker_info"), {"worker": 1}),
    "a worker alive and dead": (lambda w: w.do("ZADD", "tombstones", 1, "w1"), {"worker": 1}),
    "claims of nobody": (lambda w: w.do("HSET", "claims", "nobody", "1 - 1"), {"leftover": 1}),
    "in an inbox of nobody": (leave_in_inbox, {"inbox": 1}),
    "tokens from the future": (lambda w: w.do("HSET", "claims", "token", "1"), {"token": 1}),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damage_is_found_and_repaired_and_all_jobs_run_once(ward, travel, name):
    damage, expected = DAMAGES[name]
    damage(ward)
    before = read_keyspace(ward.redis, ward.keys)

    assert {code: count for code, (count, _) in ward.codes().items()} == expected
    assert read_keyspace(ward.redis, ward.keys) == before

    repaired = ward.codes(fix=True)
    assert repaired.keys() & expected.keys()
    assert all(count == mended for count, mended in repaired.values())
    assert problems(read_keyspace(ward.redis, ward.keys)) == []

    ward.jobs.queue("default").resume()
    ran = ward.discharge(travel)
    again = {"acme1"} if name == "active at a worker that is gone" else set()
    assert {label for label, count in ran.items() if count != 1} == again
    everything = {"plain1", "plain2", "plain3", "urgent", "acme1", "acme2", "later", "last", "only", "gone"}
    assert {label for label in everything if ran.get(label)} >= everything - (
        {"plain1", "last"} if name == "never told" else set()
    )


@pytest.mark.parametrize("server", [*KINDS, "memory"], indirect=True)
def test_many_damages_at_once_are_repaired_on_every_server(ward, travel):
    assert ward.codes() == {}
    several = ("twice in the line", "in the line and delayed", "failed and not indexed", "a lane without turns")
    for name in (*several, "a slot of nobody", "not to be told", "a schedule without a slot", "columns of nobody"):
        DAMAGES[name][0](ward)
    ward.do("LREM", "wait", 0, "plain1")
    ward.do("SADD", "ghosts", "nobody")
    found = ward.codes()

    expected = {
        "lost",
        "ghost",
        "twice",
        "scattered",
        "unindexed",
        "unserved",
        "slot",
        "untold",
        "slotless",
        "leftover",
    }
    assert found.keys() == expected
    repaired = ward.codes(fix=True)
    assert all(count == mended for count, mended in repaired.values())
    assert problems(read_keyspace(ward.redis, ward.keys)) == []
    assert ward.codes() == {}
    assert set(ward.discharge(travel).values()) == {1}


def test_more_than_fit_one_call_are_repaired(jobs, note, counter, travel):
    desk = counter()
    jobs.enqueue_many(note.using(id=f"j{number}").draft(str(number)) for number in range(350))
    jobs.queue("default").pause()
    keys, redis = jobs.keys("default"), jobs.connections.sync_client().redis
    redis.rename(keys["held"], keys["wait"])  # a client that was not told of the pause
    redis.lpush(keys["held"], *(f"j{number}" for number in range(20)))
    redis.lrem(keys["wait"], 0, "j200")

    found = {each.code: each.repaired for each in jobs.inspect.doctor(True, "default").findings if each.queue}
    assert found == {"line": 4, "lost": 1, "twice": 20}
    assert problems(read_keyspace(redis, keys)) == []
    jobs.queue("default").resume()
    assert sorted(desk.drain(), key=int) == [str(number) for number in range(350)]


def test_a_job_that_waits_for_one_of_another_queue_is_told_what_went_astray(jobs, note, counter):
    here, there = counter(), counter("other", "w2")
    first = note.using(queue="other").enqueue("first")
    last = note.using(after=[first]).enqueue("last")
    redis = here.client.redis
    here.upkeep()
    assert [found.code for found in jobs.inspect.doctor().findings if found.queue] == []
    assert there.take() == ["first"]
    there.end("first")
    assert [found.code for found in jobs.inspect.doctor().findings if found.queue] == []  # it is on its way
    redis.delete(there.keys["outbox"], there.keys["outgoing"])

    [found] = [found for found in jobs.inspect.doctor().findings if found.queue]
    assert (found.queue, found.code, found.repaired, found.examples) == (
        "default",
        "untold",
        0,
        (f"{last.id} (other/{first.id})",),
    )
    [found] = [found for found in jobs.inspect.doctor(fix=True).findings if found.queue]
    assert found.repaired == 1
    here.upkeep()
    there.upkeep()
    assert here.drain() == ["last"]


def test_a_flow_that_will_not_be_completed_is_reported_and_left_alone(ward):
    ward.do("ZADD", "edges", 0, "last|-/flow|run|1")
    ward.do("HSET", "blocking", "last", "2 0 ")
    assert ward.codes() == {"flow": (1, 0)}
    assert ward.codes(fix=True) == {"flow": (1, 0)}
    ward.do("ZREM", "edges", "last|-/flow|run|1")
    ward.do("HSET", "blocking", "last", "1 0 ")


def test_unknown_keys_and_unlisted_queues_are_reported(ward):
    ward.redis.set(f"{ward.keys.tag}:mine", "1")
    ward.redis.delete("jq:queues")
    found = ward.jobs.inspect.doctor()
    assert [(each.level, each.code) for each in found.findings if each.queue] == [
        ("note", "unknown-key"),
        ("warning", "unregistered"),
    ]
    assert not found.healthy
    assert [each.open for each in ward.jobs.inspect.doctor(fix=True).findings if each.queue] == [False, False]
    assert ward.jobs.queues() == ("default",)
    ward.redis.delete(f"{ward.keys.tag}:mine")
