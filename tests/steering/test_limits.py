"""Limits of queues, tasks and keys: never exceeded, and a slot that frees wakes a worker."""

import pytest

from jobqueue import InvalidName, InvalidOption, Limits, RateLimit, UnknownOption
from jobqueue.outcome import Interrupted, Limited, Lost
from jobqueue.store.claims import reap
from jobqueue.store.upkeep import promote


def fill(task, count, **options):
    for number in range(count):
        task.using(**options).enqueue(f"{options.get('key', '')}{number}")


def starts(worker, travel, seconds, step=0.002):
    """Take what may start at every step of time, and return the times of the starts in seconds."""
    found, now = [], 0.0
    while now < seconds:
        worker.upkeep()
        while taken := worker.take(10):
            found += [now] * len(taken)
            worker.end_all()
        travel.by(step)
        now = round(now + step, 6)
    return found


def most_in_a_window(times, window):
    return max(sum(1 for time in times if first <= time < first + window) for first in times)


# -- concurrency ------------------------------------------------------------------------------------------------------


def test_a_queue_runs_no_more_than_its_concurrency_on_all_workers_together(note, jobs, counter):
    jobs.queue("default").limit(concurrency=3)
    fill(note, 10)
    one, two = counter(), counter(worker="w2")
    assert (len(one.take(2)), len(two.take(5)), one.take(5)) == (2, 1, [])
    assert not one.bell
    two.end_all()
    assert one.bell, "a slot that frees wakes a worker"
    assert len(one.take(5)) == 1


def test_jobs_that_waited_when_their_task_was_limited_go_before_those_that_came_after(note, jobs, counter):
    for priority in (1, 0):
        fill(note, 3, priority=priority)
    jobs.queue("default").limit(task="note", concurrency=2)
    note.using(priority=1).enqueue("after")
    worker = counter()
    assert worker.drain() == ["0", "1", "2", "after", "0", "1", "2"]


def test_the_worker_that_frees_a_slot_takes_the_next_in_the_same_round_trip(note, jobs, counter):
    jobs.queue("default").limit(concurrency=1)
    fill(note, 3)
    worker = counter()
    assert worker.take(5) == ["0"]
    assert worker.end("0", n=5) == ["1"]
    assert not worker.bell


@pytest.mark.parametrize("when", ["before", "while waiting", "while running"])
def test_a_limit_may_come_at_any_time(note, jobs, counter, when):
    queue, worker = jobs.queue("default"), counter()
    if when == "before":
        queue.limit(concurrency=2)
    fill(note, 8)
    if when == "while waiting":
        queue.limit(concurrency=2)
    if when == "while running":
        assert len(worker.take(4)) == 4
        queue.limit(concurrency=2)
        assert worker.take(4) == []
        worker.end("0")
        worker.end("1")
        assert worker.take(4) == []
        worker.end_all()
    assert len(worker.take(5)) == 2
    queue.limit(concurrency=4)
    assert worker.bell
    assert len(worker.take(5)) == 2
    queue.limit(concurrency=None)
    worker.end_all()
    assert worker.bell is (when != "while running")
    assert len(worker.drain()) == (4 if when != "while running" else 0)


def test_a_limited_queue_can_be_paused_and_resumed(note, jobs, counter):
    queue, worker = jobs.queue("default"), counter()
    queue.limit(concurrency=2)
    fill(note, 3)
    queue.pause()
    assert (worker.take(5), worker.bell) == ([], False)
    queue.resume()
    assert worker.bell
    assert len(worker.take(5)) == 2
    queue.pause()
    queue.limit(concurrency=None)
    worker.end_all()
    assert worker.take(5) == []
    queue.resume()
    assert worker.take(5) == ["2"]
    worker.end_all()


def test_priorities_hold_in_a_limited_queue(note, jobs, counter):
    jobs.queue("default").limit(concurrency=1)
    note.enqueue("plain")
    note.using(priority=-1).enqueue("low")
    note.using(priority=1).enqueue("high")
    note.using(lifo=True).enqueue("lifo")
    assert counter().drain() == ["high", "lifo", "plain", "low"]


def test_a_task_is_limited_apart_from_others_that_go_on(jobs, note, counter):
    @jobs.task(limits=Limits(concurrency=2))
    def scarce(label: str) -> None: ...

    fill(scarce, 6)
    note.enqueue("a")
    note.enqueue("b")
    worker = counter()
    taken = worker.take(10)
    assert sorted(taken) == ["0", "1", "a", "b"]
    assert not worker.bell
    assert worker.end("a", n=5) == []
    assert worker.end("0", n=5) == ["2"]
    worker.end("1")
    assert worker.bell
    assert worker.take(5) == ["3"]


def test_those_that_run_count_when_a_task_is_limited(note, jobs, counter):
    fill(note, 8)
    worker = counter()
    assert len(worker.take(3)) == 3
    jobs.queue("default").limit(task="note", concurrency=4)
    assert len(worker.take(5)) == 1
    worker.end("0")
    worker.end("1")
    assert len(worker.take(5)) == 2


def test_each_key_has_its_own_concurrency(note, jobs, counter):
    jobs.queue("default").limit(key="*", concurrency=2)
    jobs.queue("default").limit(key="big", concurrency=4)
    for key in ("a", "b", "big"):
        fill(note, 6, key=key)
    note.enqueue("plain")
    worker = counter()
    taken = worker.take(50)
    assert {key: sum(label.startswith(key) for label in taken) for key in ("a", "big", "plain")} == {
        "a": 2,
        "big": 4,
        "plain": 1,
    }
    assert len(taken) == 9
    assert worker.end("a0", n=9) == ["a2"]
    jobs.queue("default").limit(key="*", concurrency=3)
    worker.upkeep()
    assert worker.bell
    assert sorted(worker.take(9)) == ["a3", "b2"]


def test_a_job_needs_a_slot_of_its_queue_its_task_and_its_key(jobs, note, counter):
    @jobs.task(limits=Limits(concurrency=3))
    def scarce(label: str) -> None: ...

    jobs.limits("default", Limits(concurrency=4), each_key=Limits(concurrency=2))
    for key in ("a", "b"):
        fill(scarce, 3, key=key)
    for number in range(3):
        note.using(key="a").enqueue(f"a of another task {number}")
    note.enqueue("plain")
    worker = counter()
    assert len(worker.take(9)) == 4
    active = [label for label in worker.held if label != "plain"]
    assert len([label for label in active if label.startswith("a")]) <= 2
    ran = list(worker.held)
    while worker.held:
        ran += worker.end(next(iter(worker.held)), n=9)
        assert len(worker.held) <= 4
    assert len(ran) == 10


@pytest.mark.parametrize("how", ["lost", "interrupted"])
def test_a_slot_is_free_again_when_its_worker_has_died(note, jobs, counter, how):
    jobs.queue("default").limit(key="*", concurrency=1)
    jobs.queue("default").limit(task="note", concurrency=1)
    fill(note, 2, key="a")
    one, two = counter(), counter(worker="w2")
    assert (one.take(), two.take()) == (["a0"], [])
    outcome = Lost("killed") if how == "lost" else Interrupted("shutdown")
    one.client.run(reap(one.keys, "w1", outcome, force=True))
    assert two.bell
    assert two.take(5) == ["a0"]
    two.end_all()
    assert two.take(5) == ["a1"]
    two.end_all()


# -- rates ------------------------------------------------------------------------------------------------------------


def test_a_rate_lets_no_more_through_than_limit_and_burst_in_any_window(note, jobs, counter, travel):
    jobs.queue("default").limit(rate=RateLimit(50, per=0.5, burst=5))
    fill(note, 200)
    times = starts(counter(), travel, 1.5)
    assert most_in_a_window(times, 0.5) <= 55
    # It is a rate, not only a bound: nothing is left lying for long.
    assert 150 <= len(times) <= 156
    assert times[:6] == [0, 0, 0, 0, 0, 0.01]


def test_after_a_lull_only_the_burst_comes_at_once(note, jobs, counter, travel):
    jobs.queue("default").limit(rate=RateLimit(10, burst=3))
    worker = counter()
    fill(note, 20)
    assert len(worker.take(10)) == 3
    travel.by(20)
    assert len(worker.take(10)) == 3
    worker.end_all()


def test_a_worker_is_woken_when_the_rate_allows_another(note, jobs, counter, travel):
    jobs.queue("default").limit(rate=RateLimit(10, burst=1))
    worker = counter()
    fill(note, 3)
    assert worker.take(5) == ["0"]
    assert not worker.bell
    assert worker.client.run(promote(worker.keys)).next_due == pytest.approx(0.1)
    travel.by(0.1)
    worker.client.run(promote(worker.keys))
    assert worker.bell
    assert worker.take(5) == ["1"]
    worker.end_all()


def test_the_rate_of_a_task_leaves_others_alone(jobs, note, counter, travel):
    @jobs.task(limits=Limits(rate=RateLimit(10, burst=1)))
    def scarce(label: str) -> None: ...

    fill(scarce, 30)
    fill(note, 30)
    worker = counter()
    assert len(worker.take(100)) == 31
    worker.end_all()
    times = starts(worker, travel, 1.0)
    assert len(times) in (9, 10)


def test_the_rates_of_keys_are_apart(note, jobs, counter, travel):
    jobs.queue("default").limit(key="*", rate=RateLimit(10, burst=2))
    for key in ("a", "b"):
        fill(note, 10, key=key)
    worker = counter()
    assert len(worker.take(100)) == 4
    assert not worker.bell
    travel.by(0.1)
    worker.upkeep()
    assert worker.bell
    assert sorted(worker.take(100)) == ["a2", "b2"]
    worker.end_all()


def test_concurrency_and_rate_hold_together(note, jobs, counter, travel):
    jobs.queue("default").limit(concurrency=2, rate=RateLimit(10, burst=4))
    fill(note, 10)
    worker = counter()
    assert len(worker.take(9)) == 2
    assert worker.end("0", n=9) == ["2"]
    assert worker.end("1", n=9) == ["3"]
    assert worker.end("2", n=9) == []
    travel.by(0.1)
    worker.upkeep()
    assert worker.take(9) == ["4"]


# -- jobs that are told to slow down ----------------------------------------------------------------------------------


@pytest.mark.parametrize("gate", ["queue", "key:a", "task:note"])
def test_what_is_told_to_slow_down_rests_and_the_job_runs_again_first(note, jobs, counter, travel, gate):
    @jobs.task
    def other(label: str) -> None: ...

    fill(note, 3, key="a")
    other.enqueue("other")
    other.using(key="b").enqueue("b")
    worker = counter()
    taken = worker.take(3)
    assert "a0" in taken
    worker.end("a0", Limited(gate, 20))
    for label in list(worker.held):
        worker.end(label)
    rest = worker.drain()
    assert rest == [] if gate == "queue" else all(not label.startswith("a") for label in rest)
    assert not worker.bell
    travel.by(19.9)
    worker.upkeep()
    assert worker.take() == []
    travel.by(0.2)
    worker.upkeep()
    assert worker.bell
    again = worker.drain()
    assert again[0] == "a0" or gate == "queue"
    assert {label for label in again if label.startswith("a")} >= {"a0", "a2"}


def test_to_be_told_costs_no_attempt_and_is_counted_apart(note, counter, travel):
    handle = note.enqueue("a")
    worker = counter()
    for _ in range(3):
        worker.take()
        worker.end("a", Limited("queue", 1))
        travel.by(1.1)
        worker.upkeep()
    assert handle.info().counts == (0, 0, 0, 0, 3)
    assert worker.take() == ["a"]
    worker.end("a")


def test_a_queue_without_limits_is_a_plain_one_again_afterwards(note, counter, travel, jobs):
    note.enqueue("a")
    worker = counter()
    worker.take()
    worker.end("a", Limited("queue", 5))
    note.enqueue("b")
    travel.by(6)
    worker.upkeep()
    redis = worker.client.redis
    assert redis.hexists(worker.keys["meta"], "limited") == 0
    assert redis.llen(worker.keys["wait"]) == 2
    assert worker.drain() == ["a", "b"]


# -- setting them -----------------------------------------------------------------------------------------------------


def test_limits_can_be_read_and_are_changed_one_by_one(jobs):
    queue = jobs.queue("default")
    queue.limit(concurrency=3, rate=RateLimit(100, per=60, burst=7))
    queue.limit(max_size=10, on_full="block", block_timeout=5)
    queue.limit(key="acme", weight=2.5)
    queue.limit(task="note", concurrency=1)
    assert queue.limits() == {
        "queue": Limits(3, RateLimit(100, 60, 7), max_size=10, on_full="block", block_timeout=5),
        "key:acme": Limits(weight=2.5),
        "task:note": Limits(concurrency=1),
    }
    queue.limit(rate=None, concurrency=4)
    queue.limit(key="acme", weight=None)
    assert queue.limits()["queue"] == Limits(4, max_size=10, on_full="block", block_timeout=5)
    assert "key:acme" not in queue.limits()


def test_what_the_code_declares_holds_until_it_is_changed_at_run_time_and_again_after_a_reset(jobs, note):
    jobs.limits("default", Limits(concurrency=3), each_key=Limits(concurrency=1), keys={"acme": Limits(weight=2)})
    queue = jobs.queue("default")
    note.enqueue("a")
    assert queue.limits()["queue"] == Limits(concurrency=3)
    queue.limit(concurrency=9)
    jobs.declarations._due.clear()
    note.enqueue("b")
    assert queue.limits()["queue"] == Limits(concurrency=9)
    queue.reset_limits()
    assert queue.limits() == {
        "queue": Limits(concurrency=3),
        "keys": Limits(concurrency=1),
        "key:acme": Limits(weight=2),
    }


def test_what_the_code_declares_no_more_goes_but_not_what_another_application_declares(jobs, note):
    jobs.limits("default", Limits(concurrency=3, max_size=5), keys={"acme": Limits(weight=2)})
    note.enqueue("a")
    jobs.limits("default", Limits(concurrency=3))
    note.enqueue("b")
    assert jobs.queue("default").limits() == {"queue": Limits(concurrency=3)}
    jobs.declarations._limits.clear()
    jobs.task(name="scarce", limits=Limits(concurrency=1))(lambda: None)
    jobs.declarations._due.clear()
    note.enqueue("c")
    assert jobs.queue("default").limits() == {"queue": Limits(concurrency=3), "task:scarce": Limits(concurrency=1)}


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"concurrency": 0}, "concurrency must be a whole number between 1 and 1,000,000, not 0"),
        ({"concurrency": 1.5}, "concurrency must be a whole number"),
        ({"rate": 10}, r"rate must be a RateLimit\(...\), not 10"),
        ({"max_size": 0}, "max_size must be a whole number between 1"),
        ({"on_full": "explode"}, "on_full must be 'reject', 'block' or 'drop_oldest', not 'explode'"),
        ({"weight": 0}, "weight must be between 0.01 and 100, not 0"),
        ({"weight": 2}, "a queue has no weight"),
        ({"block_timeout": -1}, "block_timeout must be between 0"),
        ({}, "name a limit that is to be changed"),
    ],
)
def test_a_limit_that_cannot_work_is_refused_and_changes_nothing(jobs, limits, message):
    queue = jobs.queue("default")
    queue.limit(concurrency=2)
    with pytest.raises(InvalidOption, match=message):
        queue.limit(**limits)
    assert queue.limits() == {"queue": Limits(concurrency=2)}


def test_a_limit_that_does_not_exist_or_makes_no_sense_there_is_refused(jobs):
    queue = jobs.queue("default")
    with pytest.raises(UnknownOption, match=r"a limit has no option 'concurency' .did you mean 'concurrency'"):
        queue.limit(concurency=2)
    with pytest.raises(InvalidOption, match="a task has no max_size"):
        queue.limit(task="note", max_size=1)
    with pytest.raises(InvalidOption, match="a task has no weight"):
        jobs.task(name="heavy", limits=Limits(weight=2))(lambda: None)
    with pytest.raises(InvalidOption, match="key= and task= exclude each other"):
        queue.limit(task="note", key="a", concurrency=1)
    with pytest.raises(InvalidName, match="key 'a b': use 1 to 128 of"):
        queue.limit(key="a b", concurrency=1)
    assert queue.limits() == {}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"limit": 0}, "the limit of RateLimit must be a whole number between 1"),
        ({"limit": 1, "per": 0}, "per= of RateLimit must be between 1 millisecond and a year, not 0"),
        ({"limit": 1, "burst": 0}, "burst= of RateLimit must be a whole number between 1"),
    ],
)
def test_a_rate_that_cannot_work_is_refused(arguments, message):
    with pytest.raises(InvalidOption, match=message):
        RateLimit(**arguments)


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("100/s", RateLimit(100)),
        ("500/m", RateLimit(500, 60)),
        ("1/d", RateLimit(1, 86400)),
        ("20/30", RateLimit(20, 30)),
    ],
)
def test_a_rate_can_be_written_as_people_do(text, rate):
    assert RateLimit.parse(text) == rate
    for wrong in ("fast", "10", "x/s", "10/x", "/s"):
        with pytest.raises(InvalidOption):
            RateLimit.parse(wrong)
