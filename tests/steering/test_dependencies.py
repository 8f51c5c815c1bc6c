"""Jobs that wait for others: with every policy, within a queue and across, and whatever becomes of the others."""

import pytest

from jobqueue import After, Dependency, InvalidOption, JobFailed, JobState, OutcomeKind, UnknownDependency
from jobqueue.outcome import Blocked, Cancelled, Completed, ErrorText, Failed, Lost, Retried
from jobqueue.store.claims import reap

FAILED = Failed(ErrorText("ValueError", "no"))
OTHER_QUEUE = pytest.mark.parametrize("queue", ["default", "other"])


@pytest.fixture
def counters(counter):
    """Return counters of the queue of the dependents, and of that of what they wait for."""

    def open_them(queue):
        first = counter()
        return first, first if queue == "default" else counter(queue, "w2")

    return open_them


def settle_all(*workers):
    """Tell all queues what has happened, until there is nothing left to tell."""
    for _ in range(4):
        for worker in workers:
            worker.upkeep()


@OTHER_QUEUE
def test_a_job_starts_when_those_it_waits_for_have_completed_and_sees_their_results(note, counters, queue):
    here, there = counters(queue)
    one, two = [note.using(queue=queue).enqueue(label) for label in ("one", "two")]
    last = note.using(after=[two, one]).enqueue("last")
    settle_all(here, there)
    assert (last.state(), last.info().waiting_for) == (JobState.BLOCKED, 2)
    assert there.take(5) == ["one", "two"]
    assert here.take(5) == []
    there.end("one")
    settle_all(here, there)
    assert last.info().waiting_for == 1
    assert here.take(5) == []
    there.end("two")
    settle_all(here, there)
    assert here.bell
    assert here.take(5) == ["last"]
    found = last.dependencies()
    assert [(each.id, each.queue, each.result, each.error) for each in found] == [
        (two.id, queue, "two", ""),
        (one.id, queue, "one", ""),
    ]
    here.end("last")


def test_the_dependent_is_given_out_in_the_round_trip_that_ends_the_last(note, counter):
    worker = counter()
    first = note.enqueue("first")
    note.using(after=first).enqueue("second")
    assert worker.take(5) == ["first"]
    assert worker.end("first", n=5) == ["second"]
    worker.end("second")


@OTHER_QUEUE
def test_a_job_may_wait_for_one_that_has_ended_already(note, counters, queue):
    here, there = counters(queue)
    done = note.using(queue=queue).enqueue("done")
    failed = note.using(queue=queue).enqueue("failed")
    there.take(2)
    there.end("done")
    there.end("failed", FAILED)
    after_done, after_failed = note.using(after=done).enqueue("a"), note.using(after=failed).enqueue("b")
    settle_all(here, there)
    assert here.drain() == ["a"]
    assert after_done.dependencies()[0].result == "done"
    assert after_failed.state() is JobState.FAILED


@OTHER_QUEUE
@pytest.mark.parametrize("how", ["failed", "cancelled", "removed", "expired", "lost"])
@pytest.mark.parametrize("policy", ["fail", "run", "ignore", "cancel"])
def test_each_policy_whatever_has_become_of_the_other(note, counters, travel, queue, how, policy):
    here, there = counters(queue)
    bad = note.using(queue=queue, **({"expires": 5} if how == "expired" else {})).enqueue("bad")
    good = note.using(queue=queue, delay=10).enqueue("good")
    last = note.using(after=[After(bad, policy), good]).enqueue("last")
    settle_all(here, there)
    match how:
        case "failed":
            there.take()
            there.end("bad", FAILED)
        case "cancelled":
            bad.cancel("no more")
        case "removed":
            bad.remove()
        case "expired":
            travel.by(6)
        case "lost":
            there.take()
            there.client.run(reap(there.keys, there.desk.worker, Lost("killed"), force=True, max_lost=1))
    settle_all(here, there)
    if policy in ("fail", "cancel"):
        info = last.info()
        assert (info.state, info.ending.error_type) == (JobState.FAILED, "DependencyFailed")
        how_said = {"lost": "has failed", "failed": "has failed", "expired": "has expired"}.get(how, f"was {how}")
        assert info.ending.message == f"{queue}/{bad.id}, which it waits for, {how_said}"
        assert good.state() is (JobState.CANCELLED if policy == "cancel" else JobState.DELAYED)
        with pytest.raises(JobFailed, match="DependencyFailed"):
            last.result(1)
        return
    assert last.state() is JobState.BLOCKED
    travel.by(11)
    settle_all(here, there)
    if how == "lost":
        good.cancel()  # the worker is dead
        settle_all(here, there)
        assert last.state() is JobState.FAILED
        return
    there.take()
    there.end("good")
    settle_all(here, there)
    assert here.take() == ["last"]
    seen = last.dependencies()
    assert [each.completed for each in seen] == ([False, True] if policy == "run" else [True])
    if policy == "run":
        assert seen[0].removed is (how == "removed")
        assert seen[0].error
    here.end("last")


def test_failures_go_down_a_chain_and_leave_nobody_blocked(note, counter):
    worker = counter()
    chain = [note.enqueue("0")]
    for number in range(1, 250):
        chain.append(note.using(after=chain[-1]).enqueue(f"{number}"))
    worker.take()
    worker.end("0", FAILED)
    settle_all(worker)
    assert {handle.state() for handle in chain} == {JobState.FAILED}


@OTHER_QUEUE
def test_a_failed_one_that_is_retried_revives_those_that_failed_with_it(note, counters, queue):
    here, there = counters(queue)
    first = note.using(queue=queue).enqueue("first")
    second = note.using(after=first, queue=queue).enqueue("second")
    third = note.using(after=second).enqueue("third")
    settle_all(here, there)
    there.take()
    there.end("first", FAILED)
    settle_all(here, there)
    assert (second.state(), third.state()) == (JobState.FAILED, JobState.FAILED)
    first.retry()
    settle_all(here, there)
    assert (second.state(), third.state()) == (JobState.BLOCKED, JobState.BLOCKED)
    assert second.info().history[-1].error_type == "DependencyFailed"
    assert there.drain(2) == ["first", "second"]
    settle_all(here, there)
    assert here.drain() == ["third"]


def test_a_job_that_two_have_failed_waits_for_both_of_them(note, counter):
    worker = counter()
    one, two = note.enqueue("one"), note.enqueue("two")
    last = note.using(after=[one, two]).enqueue("last")
    worker.take(2)
    worker.end("one", FAILED)
    worker.end("two", FAILED)
    settle_all(worker)
    one.retry()
    settle_all(worker)
    assert last.state() is JobState.FAILED
    two.retry()
    settle_all(worker)
    assert last.state() is JobState.BLOCKED
    assert worker.drain() == ["one", "two", "last"]


def test_the_dependent_itself_can_be_retried_and_then_runs_without_the_other(note, counter):
    worker = counter()
    first = note.enqueue("first")
    last = note.using(after=first).enqueue("last")
    worker.take()
    worker.end("first", FAILED)
    last.retry()
    assert worker.drain() == ["last"]
    first.retry()
    settle_all(worker)
    assert worker.drain() == ["first"]
    assert last.state() is JobState.COMPLETED


@pytest.mark.parametrize("what", ["cancel", "remove"])
def test_a_blocked_job_can_be_called_off(note, counter, what):
    worker = counter()
    first = note.enqueue("first")
    blocked = note.using(after=first).enqueue("blocked")
    after = note.using(after=After(blocked, "run")).enqueue("after")
    getattr(blocked, what)()
    settle_all(worker)
    assert after.state() is JobState.WAITING
    assert sorted(worker.drain()) == ["after", "first"]


@OTHER_QUEUE
def test_a_flow_can_be_called_off_as_a_whole(note, counters, queue):
    here, there = counters(queue)
    leaves = [note.using(queue=queue).enqueue(f"leaf{number}") for number in range(3)]
    middle = note.using(after=leaves[:2]).enqueue("middle")
    root = note.using(after=[middle, leaves[2]]).enqueue("root")
    outsider = note.using(queue=queue).enqueue("outsider")
    settle_all(here, there)
    assert there.take() == ["leaf0"]
    assert root.cancel("changed our mind", dependencies=True)
    settle_all(here, there)
    assert [handle.state().value for handle in (root, middle, *leaves)] == [
        "cancelled", "cancelled", "active", "cancelled", "cancelled",
    ]  # fmt: skip
    assert leaves[0].info().cancelling
    assert middle.info().ending.message == "changed our mind"
    assert outsider.state() is JobState.WAITING
    there.end("leaf0", Cancelled(""))
    settle_all(here, there)


def test_what_waits_may_also_have_a_time_a_priority_a_key_and_an_expiry(note, counter, travel):
    worker = counter()
    first = note.enqueue("first")
    later = note.using(after=first, delay=10).enqueue("later")
    note.using(after=first, priority=3).enqueue("high")
    note.using(after=first, key="k").enqueue("keyed")
    gone = note.using(after=first, expires=5).enqueue("gone")
    travel.by(6)
    worker.upkeep()
    assert gone.info().ending.outcome is OutcomeKind.EXPIRED
    assert worker.take() == ["first"]
    assert worker.end("first", n=9) == ["high", "keyed"]
    assert later.state() is JobState.DELAYED
    travel.by(10)
    worker.upkeep()
    assert worker.take() == ["later"]
    worker.end_all()


def test_results_are_seen_also_when_they_are_not_kept(note, counter, travel):
    worker = counter()
    first = note.using(result_ttl=0).enqueue("first")
    second = note.using(after=first).enqueue("second")
    worker.take()
    assert worker.end("first", Completed(b'"first"', 0), n=1) == ["second"]
    assert [each.result for each in second.dependencies()] == ["first"]
    worker.end_all()


def test_a_retried_one_is_waited_for(note, counter):
    worker = counter()
    first = note.enqueue("first")
    second = note.using(after=first).enqueue("second")
    worker.take()
    assert worker.end("first", Retried(ErrorText("ValueError", "no"), 0), n=1) == ["first"]
    assert second.state() is JobState.BLOCKED
    assert worker.end("first", n=1) == ["second"]
    worker.end_all()


def test_many_may_wait_for_one(note, jobs, counter):
    worker = counter()
    first = note.enqueue("first")
    jobs.enqueue_many([note.using(after=first).draft(f"{number}") for number in range(350)])
    worker.take()
    worker.end("first")
    settle_all(worker)
    assert len(worker.take(400)) == 350
    worker.end_all()


# -- a job that waits for others it has enqueued itself ---------------------------------------------------------------


@OTHER_QUEUE
def test_a_running_job_may_wait_for_others_without_a_slot_and_runs_again(note, counters, queue):
    here, there = counters(queue)
    parent = note.enqueue("parent")
    here.take()
    children = [note.using(queue=queue).enqueue(f"child{number}") for number in range(3)]
    edges = ",".join(f"fail:{queue}/{child.id}" for child in children)
    assert here.end("parent", Blocked(edges), n=0) == []
    settle_all(here, there)
    assert (parent.state(), parent.info().waiting_for) == (JobState.BLOCKED, 3)
    assert there.drain(3) == ["child0", "child1", "child2"]
    settle_all(here, there)
    assert here.take() == ["parent"]
    assert [each.result for each in parent.dependencies()] == ["child0", "child1", "child2"]
    # Once more, for one that it knows already and a new one.
    more = note.enqueue("more")
    here.end("parent", Blocked(f"{edges},run:default/{more.id}"))
    settle_all(here, there)
    assert parent.info().waiting_for == 1
    assert here.drain() == ["more", "parent"]
    assert len(parent.dependencies()) == 4


def test_if_its_children_have_ended_already_it_runs_again_at_once(note, counter):
    worker = counter()
    child, parent = note.enqueue("child"), note.enqueue("parent")
    worker.take(2)
    worker.end("child")
    assert worker.end("parent", Blocked(f"fail:default/{child.id}"), n=1) == ["parent"]
    assert worker.end("parent", Blocked("fail:default/gone"), n=1) == []
    assert parent.info().ending.error_type == "DependencyFailed"


# -- mistakes ---------------------------------------------------------------------------------------------------------


def test_what_does_not_exist_cannot_be_waited_for(note, jobs, counter):
    gone = note.enqueue("gone")
    gone.remove()
    before = jobs.connections.sync_client().redis.dbsize()
    with pytest.raises(UnknownDependency, match=rf"job new is to wait for job {gone.id}, which does not exist"):
        note.using(id="new", after=gone).enqueue("new")
    with pytest.raises(UnknownDependency, match="Nothing was enqueued"):
        jobs.enqueue_many([note.using(after=gone, id=f"x{number}").draft("x") for number in range(3)])
    with pytest.raises(UnknownDependency):
        note.using(id="self", after=jobs.queue("default").job("self")).enqueue("self")
    assert jobs.connections.sync_client().redis.dbsize() == before
    assert jobs.queue("default").info().counts[JobState.BLOCKED] == 0


@pytest.mark.parametrize(
    ("after", "message"),
    [
        ("an-id", r"after= takes handles of jobs, or After\(handle, on_failure=...\), not 'an-id'"),
        ([1], "after= takes handles of jobs"),
    ],
)
def test_only_jobs_can_be_waited_for(note, after, message):
    with pytest.raises(InvalidOption, match=message):
        note.using(after=after)


def test_a_policy_that_does_not_exist_and_a_job_named_twice_are_refused(note):
    first = note.using(delay=60).enqueue("first")
    with pytest.raises(InvalidOption, match="on_failure must be 'fail', 'run', 'ignore' or 'cancel', not 'explode'"):
        After(first, "explode")
    with pytest.raises(InvalidOption, match=f"after= names job {first.id} twice"):
        note.using(after=[first, After(first, "run")])


def test_a_dependency_says_how_it_stands():
    assert Dependency("a", "q", "fail", None).error == ""
    assert Dependency("a", "q", "fail", None, removed=True).error == "it was removed"
    assert not Dependency("a", "q", "fail", None).completed


@pytest.mark.parametrize("how", ["removed", "not kept"])
def test_all_are_told_that_it_completed_also_if_it_is_gone_by_then(note, jobs, counter, how):
    worker = counter()
    first = note.enqueue("first")
    waiting = jobs.enqueue_many([note.using(after=first).draft(f"{number}") for number in range(250)])
    worker.take()
    worker.end("first", Completed(b'"first"', 0 if how == "not kept" else None))
    if how == "removed":
        first.remove()
    settle_all(worker)
    assert {handle.state() for handle in waiting} == {JobState.WAITING}
    assert waiting[-1].dependencies()[0].result == "first"


def test_a_blocked_job_that_was_called_off_and_is_retried_waits_again(note, counter):
    worker = counter()
    first = note.enqueue("first")
    second = note.using(after=first).enqueue("second")
    second.cancel()
    second.retry()
    assert second.state() is JobState.BLOCKED
    assert worker.drain() == ["first", "second"]
