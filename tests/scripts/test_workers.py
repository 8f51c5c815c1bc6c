"""register.lua, heartbeat.lua, dying.lua: who is alive."""

from desk import START

from jobqueue.outcome import Lost
from jobqueue.store.claims import dying, heartbeat, reap, register
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


def test_a_server_that_has_forgotten_an_answer_says_so_and_renews_nothing(client, keys, desk, enqueue, keyspace):
    enqueue("a", "b")
    worker = desk()
    worker.claim(1)
    assert client.run(heartbeat(keys, "w1", 30, worker.request)).live
    before = keyspace().present
    for answered in (worker.request + 1, worker.request + 5):
        pulse = client.run(heartbeat(keys, "w1", 30, answered))
        assert (pulse.live, pulse.forgotten) == (False, True)
    assert keyspace().present == before
    client.redis.hdel(keys["claims"], "w1")
    assert client.run(heartbeat(keys, "w1", 30, 1)).forgotten
    assert client.run(heartbeat(keys, "w1", 30)).live


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
