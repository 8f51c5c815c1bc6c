"""Priorities, last in first out, and changing one's mind about a job that waits."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from servers import KINDS

from jobqueue import InvalidOption, JobConflict, JobNotFound, JobQueue, JobState
from jobqueue.outcome import ErrorText, Interrupted, Retried
from jobqueue.steering import PRIORITY_LIMIT
from jobqueue.store.server import MemoryServer


@pytest.fixture(params=[*KINDS, "memory"])
def server(request, real_servers):
    """Return a server of each kind in turn, the fake too, empty."""
    return MemoryServer() if request.param == "memory" else real_servers(request.param)


def enqueue(task, **priorities):
    return {label: task.using(priority=priority).enqueue(label) for label, priority in priorities.items()}


def test_higher_priorities_go_first_and_equal_ones_in_their_order(note, counter):
    enqueue(note, low=-1, a=0, high=9, b=0, mid=3, high2=9, lowest=-PRIORITY_LIMIT, top=PRIORITY_LIMIT)
    assert counter().take(10) == ["top", "high", "high2", "mid", "a", "b", "low", "lowest"]


def test_they_go_first_one_by_one_as_well(note, counter):
    enqueue(note, low=-1, a=0, high=9, b=0)
    assert counter().drain() == ["high", "a", "b", "low"]


def test_a_high_priority_overtakes_a_long_plain_backlog(note, jobs, counter):
    jobs.enqueue_many([note.draft(f"plain{number}") for number in range(3000)])
    note.using(priority=1).enqueue("urgent")
    worker = counter()
    assert worker.take(2) == ["urgent", "plain0"]


def test_one_that_comes_later_overtakes_those_that_wait(note, counter):
    worker = counter()
    enqueue(note, a=1, b=1)
    assert worker.take() == ["a"]
    note.using(priority=2).enqueue("c")
    assert worker.end("a", n=5) == ["c", "b"]


def test_lifo_goes_before_those_that_wait(note, counter):
    for label in ("a", "b"):
        note.enqueue(label)
    for label in ("c", "d"):
        note.using(lifo=True).enqueue(label)
    note.using(lifo=True, priority=1).enqueue("e")
    note.using(priority=1).enqueue("f")
    note.using(lifo=True, priority=1).enqueue("g")
    assert counter().take(10) == ["g", "e", "f", "d", "c", "a", "b"]


def test_what_comes_back_keeps_its_priority(note, counter, travel):
    worker = counter()
    enqueue(note, a=5, b=5, c=7)
    assert worker.take(3) == ["c", "a", "b"]
    worker.end("a", Interrupted("shutdown"))
    worker.end("c", Retried(ErrorText("ValueError", "no"), 10))
    worker.end("b", Retried(ErrorText("ValueError", "no"), 0))
    note.using(priority=6).enqueue("d")
    travel.by(11)
    worker.upkeep()
    # Interrupted goes before those of its priority, retried behind them.
    assert worker.take(5) == ["c", "d", "a", "b"]


def test_the_priority_of_a_task_is_that_of_its_jobs_unless_they_have_their_own(jobs, counter):
    @jobs.task(priority=3)
    def urgent(label: str) -> None: ...

    @jobs.task
    def plain(label: str) -> None: ...

    plain.enqueue("plain")
    urgent.using(priority=0).enqueue("plain too")
    urgent.enqueue("urgent")
    assert counter().take(5) == ["urgent", "plain", "plain too"]


@pytest.mark.parametrize("state", ["waiting", "delayed", "paused", "blocked"])
def test_the_priority_of_a_job_that_has_not_begun_can_be_changed(note, jobs, counter, travel, state):
    worker = counter()
    first = note.enqueue("first")
    options = {"delayed": {"delay": 5}, "blocked": {"after": [first]}}.get(state, {})
    if state == "paused":
        jobs.queue("default").pause()
    moved = note.using(**options).enqueue("moved")
    others = [note.using(priority=priority, **options).enqueue(f"other{priority}") for priority in (0, 5)]
    moved.prioritize(9)
    assert (moved.info().priority, others[0].info().priority) == (9, 0)
    if state == "paused":
        jobs.queue("default").resume()
        assert worker.take(9) == ["moved", "other5", "first", "other0"]
    else:
        assert worker.take(1) == ["moved" if state == "waiting" else "first"]
        worker.end_all()
        travel.by(6)
        worker.upkeep()
        assert worker.take(9) == (
            ["other5", "first", "other0"] if state == "waiting" else ["moved", "other5", "other0"]
        )
    worker.end_all()


def test_a_priority_can_be_taken_away_again(note, counter):
    handles = enqueue(note, a=0, b=5)
    handles["b"].prioritize(0)
    handles["b"].prioritize(0)
    assert counter().drain() == ["a", "b"]
    assert handles["b"].info().priority == 0


def test_the_priority_can_be_changed_again_and_again_and_the_job_runs_once(note, counter):
    handles = enqueue(note, a=0, b=0)
    for priority in (1, 0, 2, -1, 3, 0, -2):
        handles["a"].prioritize(priority)
    assert counter().drain() == ["b", "a"]


def test_the_priority_of_what_runs_or_has_ended_cannot_be_changed(note, counter):
    handle = note.enqueue("a")
    worker = counter()
    worker.take()
    with pytest.raises(JobConflict, match=f"job {handle.id} is active: the priority of one that has not begun"):
        handle.prioritize(1)
    worker.end("a")
    with pytest.raises(JobConflict, match="is completed"):
        handle.prioritize(1)
    handle.remove()
    with pytest.raises(JobNotFound):
        handle.prioritize(1)


def test_a_delayed_job_can_be_promoted(note, counter):
    late, later = note.using(delay=60, priority=1).enqueue("late"), note.using(delay=timedelta(days=1)).enqueue("later")
    worker = counter()
    assert worker.take() == []
    later.promote()
    late.promote()
    assert later.state() is JobState.WAITING
    assert worker.take(2) == ["late", "later"]
    with pytest.raises(JobConflict, match="only delayed jobs can be promoted"):
        late.promote()


def test_cancelled_and_removed_ones_do_not_run(note, counter):
    handles = enqueue(note, a=3, b=2, c=1, d=0)
    handles["a"].cancel()
    handles["c"].remove()
    worker = counter()
    assert worker.drain() == ["b", "d"]
    handles["a"].retry()
    note.enqueue("e")
    assert worker.drain() == ["a", "e"]


@pytest.mark.parametrize("priority", [PRIORITY_LIMIT + 1, -PRIORITY_LIMIT - 1, 1.5, "high", True, None])
def test_a_priority_out_of_range_is_refused(note, jobs, priority):
    with pytest.raises(InvalidOption, match=r"priority must be a whole number from -1,000,000 to 1,000,000"):
        jobs.task(name="other", priority=priority)(lambda: None)
    if priority is not None:
        with pytest.raises(InvalidOption, match="priority must be"):
            note.using(priority=priority)
    handle = note.using(delay=10).enqueue("a")
    with pytest.raises(InvalidOption, match="priority must be"):
        handle.prioritize(priority)
    assert handle.info().priority == 0


def test_lifo_is_yes_or_no(note):
    with pytest.raises(InvalidOption, match="lifo must be True or False"):
        note.using(lifo="yes")


@given(st.lists(st.tuples(st.sampled_from([-2, -1, 0, 1, 2]), st.booleans()), max_size=12), st.integers(1, 5))
def test_any_mixture_runs_in_the_order_of_a_stable_sort(entries, at_once):
    jobs = JobQueue("memory://")
    note = jobs.task(name="note")(lambda label: None)
    from steering.conftest import Counter

    expected: dict[int, list[str]] = {}
    for number, (priority, lifo) in enumerate(entries):
        note.using(priority=priority, lifo=lifo).enqueue(f"{number}")
        line = expected.setdefault(priority, [])
        line.insert(0 if lifo else len(line), f"{number}")
    worker = Counter(jobs, "default")
    taken: list[str] = []
    while some := worker.take(at_once):
        taken += some
    assert taken == [label for priority in sorted(expected, reverse=True) for label in expected[priority]]
    jobs.close()
