"""put_schedule.lua, switch_schedule.lua, declare_schedules.lua, fire.lua, fire_extra.lua: one by one."""

from datetime import timedelta

import pytest
from desk import START

from jobqueue import Every, Schedule
from jobqueue.job import moment, specification_text
from jobqueue.outcome import Interrupted
from jobqueue.store import schedules
from jobqueue.store.claims import reap, register
from jobqueue.store.client import SyncClient
from jobqueue.store.schedules import Definition, Template
from jobqueue.store.server import server_at

TEMPLATE = Template(specification_text("report", b"{}"), "")
HOURLY = Definition(TEMPLATE, Schedule(Every(hours=1)))
SLOT = moment(START) + timedelta(hours=1)


@pytest.fixture
def put(client, keys):
    """Return what puts a schedule."""
    return lambda definition=HOURLY, source="user": client.run(schedules.put(keys, "s", definition, source))


@pytest.fixture
def fire(client, keys):
    """Return what fires a slot of what was read."""

    def run(due, worker="w1", **more):
        words = {"slot": SLOT, "since": SLOT, "next": SLOT + timedelta(hours=1), "missed": None, **more}
        return client.run(schedules.fire(keys, worker, due, HOURLY, **words))

    return run


def test_putting_twice_is_putting_once(put, keyspace):
    assert put() == "new"
    before = keyspace().present
    assert put() == "same"
    assert keyspace().present == before
    assert put(Definition(TEMPLATE, Schedule(Every(hours=1), missed="skip"))) == "changed"
    assert keyspace()["upcoming"] == before["upcoming"]


def test_what_the_code_declares_is_not_changed_by_others(put, keyspace):
    assert put(source="code") == "new"
    before = keyspace().present
    assert put() == "declared"
    assert keyspace().present == before


def test_a_slot_that_is_fired_again_because_the_reply_was_lost(client, keys, put, fire, keyspace):
    put()
    [due] = client.run(schedules.due(keys)).due
    assert fire(due).kind == "fired"
    before = keyspace().present
    assert before["wait"] == [f"s:{SLOT:%Y%m%dT%H%M%SZ}"]
    assert fire(due).kind == "changed"
    assert keyspace().present == before


def test_a_slot_does_not_fire_that_was_read_before_a_pause_or_a_change(client, keys, put, fire, keyspace):
    put()
    [due] = client.run(schedules.due(keys)).due
    client.run(schedules.switch(keys, "s", "pause"))
    assert fire(due).kind == "changed"
    client.run(schedules.switch(keys, "s", "resume"))
    [due] = client.run(schedules.due(keys)).due
    put(Definition(TEMPLATE, Schedule(Every(hours=2))))
    assert fire(due).kind == "changed"
    client.run(schedules.switch(keys, "s", "remove"))
    assert fire(due).kind == "changed"
    assert keyspace().present == {}


def test_the_last_slot_ends_the_schedule(client, keys, put, fire, keyspace):
    put()
    [due] = client.run(schedules.due(keys)).due
    assert fire(due, next=None).kind == "fired"
    space = keyspace()
    assert space["upcoming"] == {}
    assert space["firings"]["s"].startswith("ended user ")
    assert client.run(schedules.due(keys)).due == ()


def test_a_job_beside_the_slots_is_started_once(client, keys, put, keyspace):
    put()
    call = schedules.fire_extra(keys, "s", TEMPLATE, "triggered", "s:x", None)
    assert client.run(call).kind == "triggered"
    before = keyspace().present
    assert client.run(call).kind == "existed"
    assert keyspace().present == before
    assert client.run(schedules.fire_extra(keys, "t", TEMPLATE, "triggered", "t:x", None)).kind == "missing"


def tell(client, keys, *names, worker="w1", cursor="0", definition=HOURLY):
    """Say which schedules the code of a worker declares."""
    return client.run(schedules.declare(keys, worker, cursor, dict.fromkeys(names, definition)))


def test_only_a_live_worker_declares(client, keys, put, keyspace, travel):
    put(source="code")
    assert tell(client, keys, "s") == ("0", (), ())
    assert keyspace()["declaring"] == {}
    client.run(register(keys, "w1", 30, {}))
    assert tell(client, keys, "s") == ("0", (), ())
    assert keyspace()["declaring"] == {"w1": f" s={HOURLY.revision} "}
    assert tell(client, keys) == ("0", ("s",), ())
    assert keyspace()["firings"]["s"].startswith("retired code ")
    travel.by(31)
    before = keyspace().present
    assert tell(client, keys, "s") == ("0", (), ())
    assert keyspace().present == before


def test_a_worker_is_told_what_to_put_again(client, keys, put, keyspace):
    client.run(register(keys, "w1", 30, {}))
    client.run(register(keys, "w2", 30, {}))
    assert tell(client, keys, "s").stale == ("s",)  # it is not there
    put(source="code")
    assert tell(client, keys, "s").stale == ()
    other = Definition(TEMPLATE, Schedule(Every(hours=2)))
    put(other, "code")
    assert tell(client, keys, "s", worker="w2", definition=other).stale == ()
    assert tell(client, keys, "s").stale == ()  # a live worker has it so
    client.run(reap(keys, "w2", Interrupted("x"), force=True))
    assert tell(client, keys, "s").stale == ("s",)


def test_a_paused_schedule_is_not_retired(client, keys, put, keyspace):
    put(source="code")
    client.run(schedules.switch(keys, "s", "pause"))
    client.run(register(keys, "w1", 30, {}))
    assert tell(client, keys).retired == ()
    assert client.run(schedules.retire(keys, ["s", "t"])) == ("s",)
    assert keyspace()["firings"]["s"].startswith("retired code ")


def test_what_no_live_worker_declares_can_be_removed(client, keys, put, keyspace):
    put(source="code")
    client.run(register(keys, "w1", 30, {}))
    tell(client, keys, "s")
    assert client.run(schedules.switch(keys, "s", "remove")) == "declared"
    client.run(reap(keys, "w1", Interrupted("x"), force=True))
    assert client.run(schedules.switch(keys, "s", "remove")) == "active"
    assert keyspace()["schedules"] == {}


def test_what_no_live_worker_declares_is_retired_when_its_slot_comes(client, keys, put, fire, keyspace):
    put(source="code")
    [due] = client.run(schedules.due(keys)).due
    assert fire(due).kind == "retired"
    space = keyspace()
    assert (space["wait"], space["upcoming"]) == ([], {})
    assert space["firings"]["s"].startswith("retired code ")


def test_a_worker_that_declares_a_schedule_itself_does_not_look_at_all_others(real_server, keys):
    client = SyncClient(server_at(real_server.url))
    client.run(schedules.put(keys, "s", HOURLY, "code"))
    for worker in ("w1", "w2", "w3"):
        client.run(register(keys, worker, 30, {}))
    client.redis.config_resetstat()
    assert tell(client, keys, "s", worker="w2").retired == ()
    assert tell(client, keys, "s").retired == ()
    [due] = client.run(schedules.due(keys)).due
    words = {"slot": SLOT, "since": SLOT, "next": SLOT, "missed": None}
    assert client.run(schedules.fire(keys, "w2", due, HOURLY, **words)).kind == "fired"
    assert "cmdstat_hvals" not in client.redis.info("commandstats")
    assert client.run(schedules.fire(keys, "w3", due, HOURLY, **words)).kind == "changed"
    client.run(reap(keys, "w3", Interrupted("x"), force=True))
    [due] = client.run(schedules.due(keys)).due
    assert client.run(schedules.fire(keys, "w3", due, HOURLY, **{**words, "slot": None})).kind == "none"
    assert client.redis.info("commandstats")["cmdstat_hvals"]["calls"] == 1
    client.close()


def test_more_schedules_than_a_call_looks_at_are_retired_in_several(client, keys):
    client.run_many([schedules.put(keys, f"s{number}", HOURLY, "code") for number in range(250)])
    client.run(register(keys, "w1", 30, {}))
    cursor, retired, calls = "0", set(), 0
    while calls == 0 or cursor != "0":
        cursor, names, _ = tell(client, keys, "s7", cursor=cursor)
        retired |= set(names)
        calls += 1
    assert retired == {f"s{number}" for number in range(250)} - {"s7"}
