"""register.lua, heartbeat.lua, dying.lua: who is alive."""

from desk import LEASE, START

from jobqueue.outcome import Completed, Interrupted, Lost
from jobqueue.store.claims import Settlement, claim, dying, heartbeat, holdings, reap, register, settle
from jobqueue.store.jobs import cancel


def test_a_worker_is_registered_with_a_lease(client, keys, keyspace):
    assert client.run(register(keys, "w1", 30, {"host": "here"}))
    assert keyspace().present == {"workers": {"w1": START + 30_000}, "worker_info": {"w1": '{"host":"here"}'}}


def test_registering_twice_is_registering_once(client, keys, keyspace):
    client.run(register(keys, "w1", 30, {}))
    before = keyspace().present
    assert client.run(register(keys, "w1", 30, {}))
    assert keyspace().present == before


def test_a_heartbeat_renews_the_lease(client, keys, keyspace, travel):
    client.run(register(keys, "w1", 30, {}))
    travel.by(20)
    assert client.run(heartbeat(keys, "w1", 30)).live
    assert keyspace()["workers"] == {"w1": START + 50_000}


def test_a_heartbeat_renews_a_lease_that_nobody_has_taken_advantage_of(client, keys, keyspace, travel):
    client.run(register(keys, "w1", 30, {}))
    travel.by(300)
    assert client.run(heartbeat(keys, "w1", 30)).live
    assert keyspace()["workers"] == {"w1": START + 330_000}


def test_a_server_that_has_forgotten_an_answer_says_so_and_gives_out_nothing(client, keys, desk, enqueue, keyspace):
    enqueue("a", "b", "c")
    worker = desk()
    [first] = worker.claim(1).jobs
    before = {name: client.redis.dump(keys[name]) for name in ("active", "wait", "claims", "jobs")}
    answered = worker.request + 1
    worker.settle(Settlement(first.id, first.token, Completed(b"1")), n=1)
    assert client.run(heartbeat(keys, "w1", 30, answered)).live
    # The power goes, and with it what came after the first claim.
    client.redis.delete(*(keys[name] for name in ("outcomes", "completed")))
    for name, value in before.items():
        client.redis.restore(keys[name], 0, value, replace=True)
    was = keyspace().present
    pulse = client.run(heartbeat(keys, "w1", 30, answered))
    assert (pulse.live, pulse.forgotten) == (True, True)
    for call in (claim(keys, "w1", 3, 1, answered), settle(keys, "w1", 3, 1, [], answered=answered)):
        answer = client.run(call)
        assert (answer.lease, answer.forgotten, answer.jobs) == (True, True, ())
    assert keyspace().present == was
    assert client.run(holdings(keys, "w1")).jobs == {(first.id, first.token)}
    # What it settles counts all the same, and from then on it is known again what it was answered.
    settled = client.run(settle(keys, "w1", 3, 2, [Settlement(first.id, first.token, Interrupted("lost"))]))
    assert (settled.applied, len(settled.jobs), settled.forgotten) == ((True,), 2, False)
    assert not client.run(heartbeat(keys, "w1", 30, 3)).forgotten


def test_what_was_settled_without_a_lease_counts_as_answered(client, keys, desk, enqueue, travel):
    enqueue("a")
    worker = desk()
    [job] = worker.claim(1).jobs
    before = {name: client.redis.hgetall(keys[name]) for name in ("claims", "active")}
    travel.by(LEASE + 1)
    settled = worker.settle(Settlement(job.id, job.token, Completed(b"1")))
    assert (settled.lease, settled.applied) == (False, (True,))
    assert worker.settle_again(Settlement(job.id, job.token, Completed(b"1"))) == settled
    pulse = client.run(heartbeat(keys, worker.worker, LEASE, worker.request))
    assert (pulse.live, pulse.forgotten) == (True, False)
    # The one that was promoted instead has never heard of it.
    for name, values in before.items():
        client.redis.delete(keys[name])
        client.redis.hset(keys[name], mapping=values)
    assert client.run(heartbeat(keys, worker.worker, LEASE, worker.request)).forgotten
    assert client.run(claim(keys, worker.worker, worker.request + 1, 1, worker.request)).forgotten


def test_the_holdings_of_a_worker_come_some_at_a_time(client, keys, desk, enqueue):
    enqueue(*(f"{number}" for number in range(700)))
    mine, other = desk(), desk("w2")
    held = {(job.id, job.token) for _ in range(7) for job in mine.claim(50).jobs}
    other.claim(300)
    found, cursor = set(), "0"
    while True:
        page = client.run(holdings(keys, "w1", cursor))
        found |= page.jobs
        cursor = page.cursor
        if cursor == "0":
            break
    assert found == held


def test_a_heartbeat_does_not_bring_back_the_dead(client, keys, keyspace, travel):
    client.run(register(keys, "w1", 30, {}))
    travel.by(30)
    client.run(reap(keys, "w1", Lost("")))
    before = keyspace().present
    assert not client.run(heartbeat(keys, "w1", 30)).live
    assert not client.run(heartbeat(keys, "stranger", 30)).live
    assert keyspace().present == before


def test_the_id_of_the_dead_is_not_used_again(client, keys, keyspace, travel):
    client.run(register(keys, "w1", 30, {}))
    client.run(reap(keys, "w1", Lost(""), force=True))
    before = keyspace().present
    assert not client.run(register(keys, "w1", 30, {}))
    assert keyspace().present == before


def test_a_heartbeat_brings_what_was_cancelled(client, keys, desk, enqueue):
    enqueue("a", "b", "c")
    desk().claim(2)
    for job_id in ("a", "b", "c"):
        client.run(cancel(keys, job_id, ""))
    assert sorted(client.run(heartbeat(keys, "w1", 30)).cancelling) == ["a", "b"]


def test_the_dying_are_those_without_a_lease_and_the_dead(client, keys, travel):
    for worker, lease in (("w1", 10), ("w2", 20), ("w3", 30)):
        client.run(register(keys, worker, lease, {}))
    client.run(reap(keys, "w3", Lost(""), force=True))
    travel.by(15)
    assert client.run(dying(keys)) == ("w1", "w3")
