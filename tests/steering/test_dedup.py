"""The four modes of deduplication: the call returns the job that stands, and nobody holds a key for ever."""

import pytest
from servers import KINDS

from jobqueue import Dedup, InvalidOption, JobConflict, JobNotFound, JobState
from jobqueue.outcome import Blocked, Cancelled, Completed, ErrorText, Failed, Interrupted, Limited, Lost, Retried
from jobqueue.store.claims import reap
from jobqueue.store.server import MemoryServer

FAILED = Failed(ErrorText("ValueError", "no"))


@pytest.fixture(params=[*KINDS, "memory"])
def server(request, real_servers):
    """Return a server of each kind in turn, the fake too, empty."""
    return MemoryServer() if request.param == "memory" else real_servers(request.param)


@pytest.fixture
def sync(jobs):
    """Return a task whose jobs are the same if they are for the same user."""

    def make(dedup):
        @jobs.task(dedup=dedup)
        def sync(label: str, user: int = 1) -> str:
            return label

        return sync

    return make


def ended_how(how, worker, handle, jobs):
    """End the job that a worker holds, in some way."""
    match how:
        case "removed" | "expired" | "cancelled before it began":
            raise AssertionError
        case "lost":
            worker.client.run(reap(worker.keys, "w1", Lost("killed"), force=True, max_lost=1))
            worker.held.clear()
        case _:
            worker.end("a", {"completed": None, "failed": FAILED, "cancelled": Cancelled("x")}[how])


# -- until it is done -------------------------------------------------------------------------------------------------


def test_until_the_first_has_ended_there_is_no_second(sync, counter):
    task = sync(Dedup(by="user"))
    first = task.enqueue("a", user=1)
    second, other = task.enqueue("b", user=1), task.enqueue("c", user=2)
    assert (second, second.duplicate, first.duplicate) == (first, True, False)
    assert other != first
    worker = counter()
    assert worker.take(9) == ["a", "c"]
    assert task.enqueue("d", user=1) == first
    worker.end("a")
    assert task.enqueue("e", user=1) != first


@pytest.mark.parametrize("how", ["completed", "failed", "cancelled", "lost"])
def test_the_key_is_released_however_the_owner_ends(sync, counter, jobs, how):
    task = sync(Dedup(by="user"))
    first = task.enqueue("a")
    worker = counter()
    worker.take()
    ended_how(how, worker, first, jobs)
    assert first.state().ended
    assert not task.enqueue("b").duplicate


@pytest.mark.parametrize("how", ["cancel", "remove", "expire"])
@pytest.mark.parametrize("options", [{}, {"delay": 60}, {"priority": 1}, {"key": "k"}])
def test_the_key_is_released_when_the_owner_never_begins(sync, counter, travel, how, options):
    worker = counter()
    task = sync(Dedup(by="user"))
    first = task.using(**options, **({"expires": 1} if how == "expire" else {})).enqueue("a")
    assert task.enqueue("b") == first
    if how == "expire":
        travel.by(2)
        worker.upkeep()
    else:
        getattr(first, how)()
    assert not task.enqueue("c").duplicate
    assert worker.drain() == ["c"]


def test_retries_keep_the_key(sync, counter, travel):
    task = sync(Dedup(by="user"))
    first = task.enqueue("a")
    worker = counter()
    worker.take()
    worker.end("a", Retried(ErrorText("ValueError", "no"), 10))
    assert task.enqueue("b") == first
    travel.by(10)
    worker.upkeep()
    assert worker.drain() == ["a"]
    assert not task.enqueue("b").duplicate


def test_a_failed_job_is_not_revived_beside_another_owner(sync, counter):
    task = sync(Dedup(by="user"))
    first = task.enqueue("a")
    worker = counter()
    worker.take()
    worker.end("a", FAILED)
    second = task.enqueue("b")
    with pytest.raises(JobConflict, match=f"job {first.id} stands back: another one has its deduplication key"):
        first.retry()
    assert first.state() is JobState.FAILED
    worker.drain()
    first.retry()
    assert task.enqueue("c") == first
    assert second.state() is JobState.COMPLETED
    assert worker.drain() == ["a"]


def test_all_arguments_count_if_none_are_named(sync):
    task = sync(Dedup())
    first = task.enqueue("a", 1)
    assert task.enqueue("a", user=1) == first
    assert not task.enqueue("a", 2).duplicate
    assert not task.enqueue("b", 1).duplicate


def test_a_key_may_be_shared_by_tasks_and_given_for_a_single_job(jobs, note, counter):
    @jobs.task
    def other(label: str) -> None: ...

    first = note.using(dedup=Dedup(key="invoice 7 of Ada & Söhne")).enqueue("a")
    assert other.using(dedup=Dedup(key="invoice 7 of Ada & Söhne")).enqueue("b") == first
    assert jobs.queue("default").enqueue("unknown", {"x": 1}, dedup=Dedup(key="8")) != first
    assert first.info().dedup.startswith("until_done ")


def test_in_bulk_and_twice_in_one_call(sync, jobs, counter):
    task = sync(Dedup(by="user"))
    handles = jobs.enqueue_many([task.draft(f"{number}", user=number % 3) for number in range(9)])
    assert [handle.duplicate for handle in handles] == [False] * 3 + [True] * 6
    assert [handle.id for handle in handles[3:]] == [handle.id for handle in handles[:3]] * 2
    assert counter().drain() == ["0", "1", "2"]


def test_the_same_id_sent_again_is_the_same_job_and_no_duplicate(sync):
    task = sync(Dedup(by="user"))
    first = task.using(id="one").enqueue("a")
    again = task.using(id="one").enqueue("a")
    assert (first, again.duplicate) == (again, False)


# -- throttle ---------------------------------------------------------------------------------------------------------


def test_throttle_lets_one_through_in_a_period_whether_it_has_ended_or_not(sync, counter, travel):
    worker = counter()
    task = sync(Dedup.throttle(60, by="user"))
    first = task.enqueue("a")
    assert worker.drain() == ["a"]
    travel.by(20)
    assert task.enqueue("b") == first
    first.remove()
    assert task.enqueue("b") == first
    with pytest.raises(JobNotFound):
        first.info()
    travel.by(40)
    second = task.enqueue("c")
    assert not second.duplicate
    travel.by(59.9)
    assert task.enqueue("d") == second


def test_what_a_throttle_leaves_is_cleared_when_its_time_is_over(sync, counter, travel):
    worker = counter()
    sync(Dedup.throttle(20, by="user")).enqueue("a")
    assert worker.drain() == ["a"]
    travel.by(20)
    worker.upkeep()
    redis = worker.client.redis
    assert (redis.hlen(worker.keys["dedup"]), redis.zcard(worker.keys["throttled"])) == (0, 0)


# -- debounce ---------------------------------------------------------------------------------------------------------


def test_debounce_starts_when_it_has_been_quiet_and_the_last_one_wins(sync, counter, travel):
    worker = counter()
    task = sync(Dedup.debounce(5, by="user"))
    first = task.enqueue("a")
    other = task.enqueue("other", user=2)
    for label in ("b", "c"):
        travel.by(4)
        assert task.enqueue(label) == first
        worker.upkeep()
    assert other.state() is JobState.WAITING
    assert worker.drain() == ["other"]
    assert first.info().args == {"label": "c"}
    travel.by(5)
    worker.upkeep()
    assert worker.take() == ["c"]
    second = task.enqueue("d")
    assert second != first
    worker.end("c")
    travel.by(5)
    worker.upkeep()
    assert worker.drain() == ["d"]


# -- keep the last ----------------------------------------------------------------------------------------------------


def test_at_most_one_runs_and_one_waits_and_that_is_the_last(sync, counter):
    worker = counter()
    task = sync(Dedup.keep_last(by="user"))
    first = task.enqueue("a")
    assert task.enqueue("b") == first
    assert worker.take(5) == ["b"]
    second = task.enqueue("c")
    assert (second == first, second.duplicate, second.state()) == (False, False, JobState.BLOCKED)
    assert task.enqueue("d") == second
    assert worker.take(5) == []
    assert worker.end("b", n=5) == ["d"]
    third = task.enqueue("e")
    assert third.state() is JobState.BLOCKED
    worker.end("d", FAILED)
    assert worker.take(5) == ["e"]
    worker.end("e")
    assert not task.enqueue("f").duplicate


@pytest.mark.parametrize("what", ["cancel", "remove"])
def test_the_one_that_waits_can_be_called_off(sync, counter, what):
    worker = counter()
    task = sync(Dedup.keep_last(by="user"))
    task.enqueue("a")
    worker.take()
    waiting = task.enqueue("b")
    getattr(waiting, what)()
    again = task.enqueue("c")
    assert again != waiting
    assert worker.end("a", n=5) == ["c"]
    worker.end_all()


def test_when_the_one_that_runs_is_retried_the_last_waits_on(sync, counter):
    worker = counter()
    task = sync(Dedup.keep_last(by="user"))
    task.enqueue("a")
    worker.take()
    waiting = task.enqueue("b")
    assert worker.end("a", Retried(ErrorText("ValueError", "no"), 0), n=5) == ["a"]
    assert waiting.state() is JobState.BLOCKED
    assert worker.end("a", Completed(b"1"), n=5) == ["b"]


# -- mistakes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Dedup("once"), "there are until_done, throttle, debounce and keep_last"),
        (lambda: Dedup.throttle(0), r"Dedup.throttle\(\) needs a period of more than 0 seconds"),
        (lambda: Dedup.debounce(-1), "the period of debounce must be between 0"),
        (lambda: Dedup("until_done", 5), r"Dedup.until_done\(\) has no period: it ends with the job"),
        (lambda: Dedup(by="a", key="b"), "a key takes the place of arguments"),
        (lambda: Dedup(key=""), "the key of Dedup must be a text that is not empty"),
    ],
)
def test_what_cannot_work_is_refused(make, message):
    with pytest.raises(InvalidOption, match=message):
        make()


def test_a_parameter_that_does_not_exist_is_refused_where_the_task_is_defined(sync, note):
    with pytest.raises(InvalidOption, match=r"Dedup\(by=...\): sync\(\) has no parameter 'usr' .did you mean 'user'"):
        sync(Dedup(by="usr"))
    with pytest.raises(InvalidOption, match=r"note\(\) has no parameter 'lable'"):
        note.using(dedup=Dedup(by="lable"))
    with pytest.raises(InvalidOption, match=r"dedup must be Dedup\(...\), not True"):
        note.using(dedup=True)


@pytest.mark.parametrize("mode", ["debounce", "keep_last"])
def test_a_call_whose_reply_was_lost_can_be_sent_again_after_the_one_that_stands_has_begun(
    sync, jobs, counter, travel, mode
):
    worker = counter()
    task = sync(Dedup.debounce(5, by="user") if mode == "debounce" else Dedup.keep_last(by="user"))
    first = task.enqueue("a")
    again = task.using(id="again").draft("b")
    assert jobs.enqueue(again) == first
    travel.by(5)
    worker.upkeep()
    assert worker.take(5) == ["b"]
    assert jobs.enqueue(again) == first
    worker.end("b")
    assert jobs.enqueue(again) == first
    assert worker.drain() == []
    travel.by(20)
    worker.upkeep()


def test_what_a_throttle_leaves_does_not_stand_in_the_way_of_another_mode(jobs, note, counter):
    worker = counter()
    note.using(dedup=Dedup.throttle(20, key="k")).enqueue("a")
    worker.drain()
    assert not note.using(dedup=Dedup(key="k")).enqueue("b").duplicate
    worker.drain()


@pytest.mark.parametrize("how", ["retried", "limited", "interrupted", "waits for another"])
def test_the_last_runs_last_whatever_becomes_of_the_one_that_has_begun(sync, note, counter, how):
    worker = counter()
    task = sync(Dedup.keep_last(by="user"))
    task.enqueue("a")
    assert worker.take() == ["a"]
    task.enqueue("b")
    child = note.enqueue("child")
    outcome = {
        "retried": Retried(ErrorText("ValueError", "no"), 0),
        "limited": Limited("key:none", 1),
        "interrupted": Interrupted("shutdown"),
        "waits for another": Blocked(f"fail:default/{child.id}"),
    }[how]
    worker.end("a", outcome)
    task.enqueue("c")
    ran = worker.drain()
    ran.remove("child")
    assert ran == ["a", "c"]


def test_one_that_waits_for_another_attempt_is_left_alone(sync, counter, travel):
    worker = counter()
    task = sync(Dedup.debounce(2, by="user"))
    first = task.enqueue("a")
    travel.by(2)
    worker.upkeep()
    worker.take()
    worker.end("a", Retried(ErrorText("ValueError", "no"), 8))
    second = task.enqueue("b")
    assert second != first
    travel.by(2)
    worker.upkeep()
    assert worker.drain() == ["b"]
    travel.by(6)
    worker.upkeep()
    assert worker.drain() == ["a"]
