"""Keys take turns, so that nobody starves: neither the small nor those without a key."""

from collections import Counter as Count

import pytest
from hypothesis import given
from hypothesis import strategies as st
from steering.conftest import Counter

from jobqueue import InvalidArguments, InvalidName, InvalidOption, JobQueue, Limits
from jobqueue.outcome import ErrorText, Retried


def fill(task, key, count):
    for number in range(count):
        (task.using(key=key) if key else task).enqueue(f"{key}{number}")


def keys_of(labels):
    return [label.rstrip("0123456789") for label in labels]


def test_keys_take_turns_and_the_jobs_of_each_come_in_their_order(note, counter):
    fill(note, "a", 4)
    fill(note, "b", 2)
    fill(note, "c", 3)
    assert counter().drain() == ["a0", "b0", "c0", "a1", "b1", "c1", "a2", "c2", "a3"]


def test_jobs_without_a_key_take_their_turn_like_one_more_key(note, counter):
    fill(note, "", 3)
    fill(note, "a", 3)
    fill(note, "b", 3)
    assert keys_of(counter().drain()) == ["", "a", "b"] * 3


@pytest.mark.parametrize("server", ["valkey"], indirect=True)
def test_whoever_adds_ten_jobs_behind_fifty_thousand_of_another_has_them_within_twenty_claims(note, jobs, counter):
    jobs.enqueue_many([note.using(key="big").draft("big") for _ in range(50_000)])
    worker = counter()
    for _ in range(7):
        worker.drain(1)
    fill(note, "small", 10)
    assert keys_of(worker.drain(20)).count("small") == 10


def test_turns_hold_when_many_are_claimed_at_once(note, counter):
    fill(note, "a", 30)
    fill(note, "b", 10)
    fill(note, "", 10)
    assert Count(keys_of(counter().take(30))) == {"a": 10, "b": 10, "": 10}


def test_who_comes_one_by_one_gets_no_more_than_its_share(note, counter):
    for key in ("a", "b", "c"):
        fill(note, key, 20)
    worker, taken = counter(), []
    worker.drain(3)
    note.using(key="d").enqueue("d")
    for _ in range(40):
        [label] = worker.take()
        taken.append(label)
        worker.end(label)
        if label == "d":
            note.using(key="d").enqueue("d")
    assert 9 <= taken.count("d") <= 11


def test_a_key_with_more_weight_has_more_turns(note, jobs, counter):
    jobs.queue("default").limit(key="gold", weight=3)
    jobs.queue("default").limit(key="slow", weight=0.5)
    for key in ("gold", "silver", "slow"):
        fill(note, key, 90)
    found = Count(keys_of(counter().drain(90)))
    assert found["gold"] == pytest.approx(60, abs=2)
    assert found["silver"] == pytest.approx(20, abs=2)
    assert found["slow"] == pytest.approx(10, abs=2)


def test_priorities_order_the_jobs_of_a_key_and_do_not_take_the_turns_of_others(note, counter):
    fill(note, "a", 3)
    for number in range(3):
        note.using(key="b", priority=number).enqueue(f"b{number}")
    note.using(priority=100).enqueue("high")
    assert counter().drain() == ["high", "a0", "b2", "a1", "b1", "a2", "b0"]


def test_a_key_that_cannot_start_does_not_hold_up_the_others(note, jobs, counter):
    jobs.queue("default").limit(key="stuck", concurrency=1)
    fill(note, "stuck", 50)
    fill(note, "free", 5)
    worker = counter()
    taken = worker.take(20)
    assert Count(keys_of(taken)) == {"stuck": 1, "free": 5}


def test_the_key_is_that_of_an_argument_if_the_task_says_so(jobs, counter):
    @jobs.task(key_by="tenant")
    def report(label: str, tenant: str | int) -> None: ...

    handles = [report.enqueue(f"{tenant}{number}", tenant) for tenant in ("a", 7) for number in range(2)]
    handles.append(report.using(key="c").enqueue("c0", "a"))
    assert [handle.info().key for handle in handles] == ["a", "a", "7", "7", "c"]
    assert sorted(counter().drain()) == ["70", "71", "a0", "a1", "c0"]


def test_retries_go_back_behind_the_jobs_of_their_own_key(note, counter):
    fill(note, "a", 2)
    fill(note, "b", 2)
    worker = counter()
    assert worker.take() == ["a0"]
    worker.end("a0", Retried(ErrorText("ValueError", "no"), 0))
    assert worker.drain() == ["b0", "a1", "b1", "a0"]


def test_a_key_is_text_that_fits(note, jobs):
    for key in ("", "a b", "a|b", "x" * 129, None, 1.5, "ä"):
        if key is not None:
            with pytest.raises(InvalidName, match="use 1 to 128 of the characters"):
                note.using(key=key)
    assert note.using(key="ada@example.org/team+1", delay=5).enqueue("a").info().key == "ada@example.org/team+1"
    with pytest.raises(InvalidOption, match=r"key_by: report\(\) has no parameter 'tenand' .did you mean 'tenant'"):

        @jobs.task(key_by="tenand")
        def report(tenant: str = "x") -> None: ...

    @jobs.task(key_by="tenant")
    def bill(tenant: str = "x") -> None: ...

    with pytest.raises(InvalidArguments, match=r"bill\(\): tenant is the key of the job"):
        bill.enqueue()
    with pytest.raises(InvalidName, match="key 'a b'"):
        bill.enqueue(tenant="a b")
    assert jobs.queues() == ("default",)


def test_the_jobs_of_a_key_can_be_called_off_together(note, jobs, counter):
    fill(note, "a", 130)
    fill(note, "b", 2)
    worker = counter()
    assert worker.take(1) == ["a0"]
    delayed = note.using(key="a", delay=60).enqueue("later")
    assert jobs.queue("default").cancel_key("a", "they left") == 131
    assert delayed.info().ending.message == "they left"
    assert jobs.queue("default").job(worker.held["a0"].id).info().cancelling
    worker.end_all()
    assert jobs.queue("default").cancel_key("a") == 0
    assert worker.drain() == ["b0", "b1"]


@pytest.mark.parametrize("what", [{"key": "a"}, {"task": "note"}])
def test_a_key_or_a_task_can_be_paused_and_resumed(note, jobs, counter, what):
    @jobs.task
    def other(label: str) -> None: ...

    queue, worker = jobs.queue("default"), counter()
    fill(note, "a", 3)
    other.using(key="b").enqueue("b0")
    other.enqueue("plain")
    queue.pause(**what)
    assert queue.paused_parts() == ("key:a",) if "key" in what else ("task:note",)
    assert sorted(worker.drain()) == ["b0", "plain"]
    assert not worker.bell
    queue.resume(**what)
    assert queue.paused_parts() == ()
    assert worker.bell
    assert worker.drain() == ["a0", "a1", "a2"]


def test_a_task_can_be_switched_off_in_all_queues_and_on_again(note, jobs, counter):
    handles = [note.using(queue=queue).enqueue(queue) for queue in ("one", "two")]
    jobs.enqueue_many([note.using(queue="one").draft(f"{number}") for number in range(250)])
    jobs.strike("note")
    note.using(queue="one").enqueue("after")
    one, two = counter("one"), counter("two")
    assert (one.drain(), two.drain()) == ([], [])
    jobs.unstrike("note", queues=["one"])
    assert one.drain() == ["one", *map(str, range(250)), "after"]
    assert two.drain() == []
    jobs.unstrike("note")
    assert two.drain() == ["two"]
    assert {handle.state().value for handle in handles} == {"completed"}


@given(
    st.lists(st.sampled_from(["", "a", "b", "c"]), max_size=30),
    st.lists(st.tuples(st.integers(1, 4), st.sampled_from(["", "a", "b", "c", None])), max_size=20),
)
def test_no_key_waits_for_more_than_a_round_while_others_are_served(first, steps):
    jobs = JobQueue("memory://")
    note = jobs.task(name="note")(lambda label: None)
    waiting: Count[str] = Count()

    def add(key):
        (note.using(key=key) if key else note).enqueue(f"{key}0")
        waiting[key] += 1

    for key in first:
        add(key)
    worker, passed_over = Counter(jobs, "default"), Count()
    for n, added in steps:
        for label in worker.take(n):
            key = label.rstrip("0")
            waiting[key] -= 1
            passed_over[key] = 0
            for other in waiting:
                if other != key and waiting[other] > 0:
                    passed_over[other] += 1
                    # Each of the three others may go first, and once more if it has just come.
                    assert passed_over[other] <= 6, (other, label)
                elif waiting[other] == 0:
                    passed_over[other] = 0
            worker.held.clear()
        if added is not None:
            add(added)
    jobs.close()


def test_all_jobs_of_a_key_are_called_off_also_when_many_run(note, jobs, counter):
    fill(note, "a", 250)
    worker = counter()
    worker.take(100)
    assert jobs.queue("default").cancel_key("a") == 250
    worker.end_all()
    assert worker.drain() == []


def test_hundreds_of_keys_that_were_paused_go_on(note, jobs, counter):
    queue, worker = jobs.queue("default"), counter()
    queue.pause(key="*")
    jobs.enqueue_many([note.using(key=f"k{number}").draft(f"k{number}") for number in range(250)])
    assert worker.drain() == []
    queue.resume(key="*")
    for _ in range(4):
        worker.upkeep()
    assert len(worker.drain()) == 250


def test_a_lane_that_has_become_empty_lets_in_the_next_of_its_key(note, jobs, counter):
    scarce = jobs.task(name="scarce", limits=Limits(concurrency=5))(lambda label: None)
    jobs.queue("default").limit(key="*", concurrency=1)
    worker = counter()
    fill(note, "b", 1)
    assert worker.take() == ["b0"]
    waiting = note.using(key="b").enqueue("plain")
    scarce.using(key="b").enqueue("scarce")
    assert worker.take(5) == []
    waiting.cancel()
    worker.end("b0")
    assert worker.drain() == ["scarce"]
