"""add.lua: jobs come into being once, however often they are sent."""

from datetime import UTC, datetime

import pytest

from jobqueue.store import control
from jobqueue.store.jobs import CHUNK, Added, NewJob, add, remove

SPEC = b'{"task":"greet","args":{}}'
STORED = '{"at":1763700000000,"task":"greet","args":{}}'


def test_a_job_waits_with_its_specification_and_the_servers_time(client, keys, keyspace):
    assert client.run(add(keys, [NewJob("a", SPEC)])) == Added()
    assert keyspace().present == {"jobs": {"a": STORED}, "wait": ["a"]}


def test_jobs_are_taken_from_the_right_and_so_wait_in_the_order_they_were_added(client, keys, keyspace):
    client.run(add(keys, [NewJob("a", SPEC), NewJob("b", SPEC)]))
    client.run(add(keys, [NewJob("c", SPEC)]))
    assert keyspace()["wait"] == ["c", "b", "a"]


def test_adding_twice_is_adding_once(client, keys, keyspace):
    client.run(add(keys, [NewJob("a", SPEC)]))
    before = keyspace().present
    assert client.run(add(keys, [NewJob("a", b'{"task":"other","args":{}}')])) == Added(frozenset({"a"}))
    assert keyspace().present == before


def test_the_same_id_twice_in_one_call_is_one_job(client, keys, keyspace):
    assert client.run(add(keys, [NewJob("a", SPEC), NewJob("a", SPEC), NewJob("b", SPEC)])) == Added(frozenset({"a"}))
    assert keyspace()["wait"] == ["b", "a"]


def test_a_delay_counts_from_the_servers_time(client, keys, keyspace):
    client.run(add(keys, [NewJob("a", SPEC, 60.5)]))
    assert keyspace().present == {
        "jobs": {"a": STORED.replace(',"task"', ',"due":1763700060500,"task"')},
        "delayed": {"a": 1763700060500},
    }


@pytest.mark.parametrize(
    ("due", "waits"), [(1763700000000, True), (1763699999999, True), (1763700000001, False), (0, True)]
)
def test_a_time_that_has_come_is_no_delay(client, keys, keyspace, due, waits):
    client.run(add(keys, [NewJob("a", SPEC, datetime.fromtimestamp(due / 1000, UTC))]))
    assert bool(keyspace()["wait"]) == waits
    assert bool(keyspace()["delayed"]) != waits


def test_a_paused_queue_takes_jobs_and_keeps_them(client, keys, keyspace):
    client.run(control.pause(keys))
    client.run(add(keys, [NewJob("a", SPEC)]))
    assert keyspace().present == {"jobs": {"a": STORED}, "held": ["a"], "meta": {"paused": "1"}}


def test_an_id_whose_ghost_still_lies_in_the_line_takes_its_place(client, keys, keyspace):
    client.run(add(keys, [NewJob("a", SPEC), NewJob("b", SPEC)]))
    client.run(remove(keys, "a"))
    assert keyspace()["ghosts"] == {"a"}
    client.run(add(keys, [NewJob("a", SPEC)]))
    assert keyspace().present == {"jobs": {"a": STORED, "b": STORED}, "wait": ["b", "a"]}


def test_a_full_chunk_goes_in_one_call_and_more_is_refused(client, keys, keyspace):
    jobs = [NewJob(f"j{number}", SPEC, 1.0 if number % 2 else None) for number in range(CHUNK)]
    client.run(add(keys, jobs))
    assert len(keyspace()["wait"]) == len(keyspace()["delayed"]) == CHUNK / 2
    with pytest.raises(ValueError, match="500 jobs are added at most"):
        add(keys, [*jobs, NewJob("one-more", SPEC)])


def test_only_the_first_in_time_wakes_the_promoters(client, keys):
    messages = client.redis.pubsub()
    messages.subscribe(keys["control"])
    assert messages.get_message(timeout=5)["type"] == "subscribe"
    client.run(add(keys, [NewJob("a", SPEC, 60)]))
    client.run(add(keys, [NewJob("b", SPEC, 90)]))
    client.run(add(keys, [NewJob("c", SPEC, 30)]))
    client.run(add(keys, [NewJob("d", SPEC)]))
    client.redis.publish(keys["control"], "end")
    heard = []
    while heard[-1:] != [b"end"]:
        heard.append(messages.get_message(timeout=5)["data"])
    messages.close()
    assert heard == [b"promote", b"promote", b"end"]
