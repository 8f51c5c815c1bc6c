"""claim.lua: jobs go to workers that live, each to one, with a token that grows."""

from desk import LEASE, START

from jobqueue.job import Counts
from jobqueue.outcome import Completed, Interrupted
from jobqueue.store import control
from jobqueue.store.claims import Settlement, heartbeat, reap, register
from jobqueue.store.jobs import cancel, remove

STORED = b'{"at":1763700000000,"task":"greet","args":{}}'


def test_a_worker_gets_the_oldest_jobs_and_holds_them(desk, enqueue, keyspace):
    enqueue("a", "b", "c")
    worker = desk()
    answer = worker.claim(2)
    assert answer.lease
    assert answer.now == START
    assert [(job.id, job.token - START * 1000, job.specification, job.counts) for job in answer.jobs] == [
        ("a", 0, STORED, Counts()),
        ("b", 1, STORED, Counts()),
    ]
    space = keyspace()
    assert space["wait"] == ["c"]
    assert space["active"] == {"a": f"{START}000 {START} w1", "b": f"{START}001 {START} w1"}
    assert space["claims"] == {"w1": f"1 - {START}000 a b", "token": f"{START}001"}


def test_an_empty_queue_gives_nothing_and_spends_no_token(desk, keyspace):
    worker = desk()
    assert worker.claim().jobs == ()
    assert "token" not in keyspace()["claims"]


def test_the_same_request_gets_the_same_answer(desk, enqueue, keyspace):
    enqueue("a", "b", "c")
    worker = desk()
    first = worker.claim(2)
    before = keyspace().present
    assert worker.again(2) == first
    assert keyspace().present == before


def test_a_repeated_answer_leaves_out_what_is_no_longer_held(desk, enqueue, client, keys):
    enqueue("a", "b")
    worker = desk()
    first = worker.claim(2)
    entry = client.redis.hget(keys["active"], "a").replace(b"000 ", b"999 ")
    client.redis.hset(keys["active"], "a", entry)  # another execution has it now
    assert worker.again(2).jobs == first.jobs[1:]


def test_tokens_grow_from_claim_to_claim_and_with_the_clock(desk, enqueue, travel):
    enqueue("a", "b", "c")
    worker = desk()
    tokens = [worker.claim(1).jobs[0].token, worker.claim(1).jobs[0].token]
    travel.by(1)
    tokens.append(worker.claim(1).jobs[0].token)
    assert tokens == [START * 1000, START * 1000 + 1, (START + 1000) * 1000]


def test_tokens_grow_although_the_clock_goes_back(desk, enqueue, travel):
    enqueue("a", "b")
    worker = desk()
    first = worker.claim(1).jobs[0].token
    travel.by(-5)
    assert worker.claim(1).jobs[0].token == first + 1


def test_a_worker_without_a_lease_gets_nothing(desk, enqueue, keyspace, client, keys, travel):
    enqueue("a")
    worker = desk()
    travel.by(30)
    answer = worker.claim()
    assert (answer.lease, answer.jobs) == (False, ())
    assert keyspace()["wait"] == ["a"]
    assert client.run(register(keys, "w2", 30, {}))
    worker.worker = "never-registered"
    assert not worker.claim().lease


def test_an_answer_that_was_lost_is_repeated_when_the_lease_is_over(desk, enqueue, keyspace, client, keys, travel):
    """Else the jobs would be active under a worker that lives and does not know of them, for as long as it lives."""
    enqueue("a", "b")
    worker = desk()
    lost = worker.claim(1)
    travel.by(LEASE + 1)
    before = keyspace().present
    again = worker.again(1)
    assert (again.lease, again.jobs, again.forgotten) == (False, lost.jobs, False)
    assert keyspace().present == before
    assert client.run(heartbeat(keys, worker.worker, LEASE)).live
    assert worker.settle(Settlement(lost.jobs[0].id, lost.jobs[0].token, Completed(b"1"))).applied == (True,)
    # When somebody else has taken them back, there is nothing to repeat.
    lost = worker.claim(1)
    client.run(reap(keys, worker.worker, Interrupted("x"), force=True))
    assert worker.again(1).jobs == ()


def test_what_landed_in_the_inbox_is_taken_first(desk, enqueue, client, keys, keyspace):
    enqueue("a", "b", "c")
    worker = desk()
    client.redis.rpoplpush(keys["wait"], keys.inbox("w1"))
    answer = worker.claim(2)
    assert [job.id for job in answer.jobs] == ["a", "b"]
    assert keyspace().inboxes == {}


def test_what_landed_without_a_free_slot_goes_back_to_the_head(desk, enqueue, client, keys, keyspace):
    enqueue("a", "b", "c")
    worker = desk()
    client.redis.rpoplpush(keys["wait"], keys.inbox("w1"))
    assert worker.claim(0).jobs == ()
    assert keyspace()["wait"] == ["c", "b", "a"]
    assert keyspace().inboxes == {}


def test_what_landed_just_before_a_pause_and_finds_no_slot_is_paused(desk, enqueue, client, keys, keyspace):
    enqueue("a", "b")
    worker = desk()
    client.redis.rpoplpush(keys["wait"], keys.inbox("w1"))
    client.run(control.pause(keys))
    worker.claim(0)
    assert keyspace()["held"] == ["b", "a"]


def test_a_paused_queue_gives_nothing(desk, enqueue, client, keys):
    enqueue("a")
    client.run(control.pause(keys))
    worker = desk()
    assert worker.claim().jobs == ()
    client.run(control.resume(keys))
    assert [job.id for job in worker.claim().jobs] == ["a"]


def test_ghosts_are_passed_over_wherever_they_lie(desk, enqueue, client, keys, keyspace):
    enqueue("a", "b", "c", "d")
    worker = desk()
    client.redis.rpoplpush(keys["wait"], keys.inbox("w1"))
    client.run(remove(keys, "a"))
    client.run(cancel(keys, "b", ""))
    assert [job.id for job in worker.claim(1).jobs] == ["c"]
    assert keyspace()["wait"] == ["d"]
    assert keyspace()["ghosts"] == set()


def test_a_line_of_ghosts_is_worked_off_over_several_calls(desk, enqueue, client, keys, keyspace):
    ids = [f"j{number}" for number in range(450)]
    enqueue(*ids)
    enqueue("last")
    client.run_many([remove(keys, job_id) for job_id in ids])
    worker = desk()
    answers = [worker.claim(10).jobs for _ in range(3)]
    assert [len(jobs) for jobs in answers] == [0, 0, 1]
    assert keyspace()["ghosts"] == set()


def test_an_id_whose_job_the_server_has_lost_is_reported_and_dropped(desk, enqueue, client, keys, keyspace):
    enqueue("a", "b")
    client.redis.hdel(keys["jobs"], "a")
    answer = desk().claim()
    assert (answer.vanished, [job.id for job in answer.jobs]) == (1, ["b"])
    assert set(keyspace()["active"]) == {"b"}


def test_a_job_goes_to_one_worker(desk, enqueue):
    enqueue("a", "b", "c")
    first, second = desk("w1"), desk("w2")
    assert [job.id for job in first.claim(2).jobs] == ["a", "b"]
    assert [job.id for job in second.claim(2).jobs] == ["c"]
