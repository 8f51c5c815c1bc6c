"""Flows: trees and graphs of jobs that are enqueued together or not at all."""

import threading

import pytest

from jobqueue import (
    After,
    Dedup,
    DependencyCycle,
    Flow,
    InvalidOption,
    JobQueueError,
    JobState,
    QueueFull,
    ServerError,
    UnknownDependency,
    chain,
    chord,
    group,
)
from jobqueue.delivery import flow_delivery, flow_id, levels_of
from jobqueue.outcome import ErrorText, Failed
from jobqueue.store.claims import register
from jobqueue.store.upkeep import promote

FAILED = Failed(ErrorText("ValueError", "no"))


@pytest.fixture(autouse=True)
def smaller_calls(monkeypatch):
    """Let calls take fewer jobs, so that flows are wide with fewer."""
    monkeypatch.setattr("jobqueue.store.jobs.CHUNK", 50)


def work_off(*workers):
    """Let workers run what there is to run, and tell each other, until nothing is left; return the labels in order."""
    found = []
    while True:
        some = [label for worker in workers for label in worker.drain()]
        for worker in workers:
            worker.upkeep()
        found += some
        if not some and not any(worker.bell for worker in workers):
            return found


def test_a_chain_runs_one_after_the_other(note, jobs, counter):
    last = jobs.enqueue_flow(chain(note.draft("a"), note.draft("b"), note.draft("c")))
    worker = counter()
    assert worker.take(9) == ["a"]
    assert worker.end("a", n=9) == ["b"]
    assert last.state() is JobState.BLOCKED
    assert worker.end("b", n=9) == ["c"]
    worker.end("c")
    assert [each.result for each in last.dependencies()] == ["b"]


def test_a_group_runs_side_by_side(note, jobs, counter):
    handles = jobs.enqueue_flow(group(note.draft(label) for label in "abc"))
    worker = counter()
    assert worker.take(9) == ["a", "b", "c"]
    worker.end_all()
    assert jobs.results(handles, 1) == ["a", "b", "c"]


def test_a_chord_runs_when_all_of_the_others_have_completed(note, jobs, counter):
    last = jobs.enqueue_flow(chord([note.draft(label) for label in "abc"], note.draft("last")))
    worker = counter()
    worker.take(3)
    worker.end("b")
    worker.end("a")
    assert worker.end("c", n=3) == ["last"]
    assert [each.result for each in last.dependencies()] == ["a", "b", "c"]
    worker.end_all()


def test_groups_and_flows_may_be_steps_of_a_chain(note, jobs, counter):
    middle = group([note.draft("b"), Flow(note.draft("c"), after=note.draft("before c"))])
    jobs.enqueue_flow(chain(note.draft("a"), middle, note.draft("d")))
    worker = counter()
    assert sorted(worker.take(9)) == ["a", "before c"]
    worker.end("before c")
    assert sorted(worker.end("a", n=9)) == ["b", "c"]
    worker.end("b")
    assert worker.end("c", n=9) == ["d"]
    worker.end_all()


def test_then_builds_a_chain_too(note, jobs, counter):
    jobs.enqueue_flow(Flow(note.draft("a")).then(note.draft("b")).then(note.draft("c")))
    assert counter().drain() == ["a", "b", "c"]


def test_a_node_that_two_wait_for_is_one_job(note, jobs, counter):
    top = Flow(note.draft("top"))
    left, right = Flow(note.draft("left"), after=top), Flow(note.draft("right"), after=[top])
    jobs.enqueue_flow(Flow(note.draft("bottom"), after=[left, right]))
    worker = counter()
    assert worker.take(9) == ["top"]
    assert sorted(worker.end("top", n=9)) == ["left", "right"]
    worker.end("left")
    assert worker.end("right", n=9) == ["bottom"]
    worker.end_all()


def test_policies_handles_and_options_of_the_jobs_hold(note, jobs, counter):
    before = note.enqueue("before")
    flow = Flow(
        note.using(priority=5, after=before).draft("root"),
        after=[After(note.draft("may fail"), "run"), note.using(priority=9).draft("first")],
    )
    root = jobs.enqueue_flow(flow)
    worker = counter()
    assert worker.take(9) == ["first", "before", "may fail"]
    worker.end("may fail", FAILED)
    worker.end("first")
    assert worker.end("before", n=1) == ["root"]
    assert [each.error for each in root.dependencies()] == ["", "ValueError: no", ""]
    worker.end_all()


@pytest.mark.parametrize("width", [3, 120])
def test_a_flow_may_span_queues_and_be_wider_than_a_call(note, jobs, counter, width):
    leaves = [note.using(queue="ab"[number % 2]).draft(f"{number}") for number in range(width)]
    middle = Flow(note.using(queue="a").draft("middle"), after=leaves)
    root = jobs.enqueue_flow(Flow(note.draft("root"), after=[middle, note.using(queue="b").draft("beside")]))
    workers = [counter(queue, f"w-{queue}") for queue in ("default", "a", "b")]
    ran = work_off(*workers)
    assert sorted(ran) == sorted([*map(str, range(width)), "middle", "root", "beside"])
    assert ran.index("middle") > max(ran.index(f"{number}") for number in range(width))
    assert ran[-1] == "root"
    assert [each.result for each in root.dependencies()] == ["middle", "beside"]


def test_deep_flows_are_no_problem(note, jobs, counter):
    flow = Flow(note.draft("0"))
    for number in range(1, 300):
        flow = flow.then(note.draft(f"{number}"))
    jobs.enqueue_flow(flow)
    assert work_off(counter()) == [f"{number}" for number in range(300)]


def test_a_flow_in_one_queue_of_moderate_size_is_one_call(note, jobs):
    keys = jobs.keys("default")
    _, _, levels = levels_of(chord([note.draft(f"{number}") for number in range(49)], note.draft("last")), jobs.new_job)
    steps = flow_delivery(levels, "flow", ())
    assert [call.name for call in next(steps)] == ["add_steered"]
    assert list(levels[-1]) == [keys]


@pytest.mark.parametrize("parts", [1, 2, 3])
def test_a_flow_whose_producer_dies_in_the_middle_never_starts_and_is_cleared_away(note, jobs, counter, travel, parts):
    worker = counter()
    _, _, levels = levels_of(
        chord([note.using(queue=queue).draft(f"{number}") for number in range(70) for queue in ("default", "other")],
              note.draft("last")),
        jobs.new_job,
    )  # fmt: skip
    steps = flow_delivery(levels, "flow", ())
    step = next(steps)
    for _ in range(parts):
        step = steps.send(jobs.connections.run_many(step))
    steps.close()
    other = counter("other", "w2")
    assert (worker.take(9), other.take(9)) == ([], [])
    for seconds, queue in ((3601, "default"), (7 * 86_400, "other")):
        travel.by(seconds)
        for _ in range(3):
            worker.upkeep()
            other.upkeep()
        assert sum(jobs.queue(queue).info().counts.values()) == 0


@pytest.mark.parametrize("died", [False, True])
def test_a_flow_that_was_accepted_is_not_given_up_while_no_worker_runs(note, jobs, counter, travel, died):
    default, other = counter(), counter("other", "w2")
    _, _, levels = levels_of(Flow(note.draft("last"), after=[note.using(queue="other").draft("first")]), jobs.new_job)
    steps = flow_delivery(levels, "flow", ())
    step = next(steps)
    while not any(call.name == "receive" for call in step):
        step = steps.send(jobs.connections.run_many(step))
    if not died:  # else its producer has completed it, and not told the other queue
        jobs.connections.run_many(step)
    steps.close()
    travel.by(6 * 86_400)
    for each in (other, default):
        each.upkeep()
        each.desk.worker += "b"
        assert each.client.run(register(each.keys, each.desk.worker, 30, {}))
    assert work_off(default, other) == ["first", "last"]


def test_a_flow_for_which_there_is_no_room_is_refused_as_a_whole(note, jobs, counter):
    jobs.queue("default").limit(max_size=10)
    with pytest.raises(QueueFull):
        jobs.enqueue_flow(chord([note.draft(f"{number}") for number in range(10)], note.draft("last")))
    with pytest.raises(QueueFull):
        jobs.enqueue_flow(chord([note.draft(f"{number}") for number in range(60)], note.draft("last")))
    assert sum(jobs.queue("default").info().counts.values()) == 0
    jobs.enqueue_flow(chord([note.draft(f"{number}") for number in range(9)], note.draft("last")))
    assert len(work_off(counter())) == 10


@pytest.mark.parametrize("width", [5, 70])
def test_a_producer_may_wait_for_room_for_a_flow(note, jobs, counter, width):
    jobs.queue("default").limit(max_size=width + 1, on_full="block", block_timeout=20)
    note.enqueue("in the way")
    flow = chord([note.draft(f"{number}") for number in range(width)], note.draft("last"))
    producer = threading.Thread(target=lambda: jobs.enqueue_flow(flow))
    producer.start()
    worker = counter()
    assert worker.take() == ["in the way"]
    producer.join()
    worker.end_all()
    assert len(work_off(worker)) == width + 1


def test_a_flow_that_is_sent_again_is_one_flow(note, jobs, counter):
    flow = chord(
        [note.using(id=f"leaf{number}").draft(f"{number}") for number in range(3)], note.using(id="end").draft("e")
    )
    assert jobs.enqueue_flow(flow) == jobs.enqueue_flow(flow)
    worker = counter()
    assert work_off(worker) == ["0", "1", "2", "e"]
    jobs.enqueue_flow(flow)
    assert work_off(worker) == []


def begun(jobs, flow, until):
    """Send the first round trips of a flow, as its producer does: some of them, or all before a call of a name."""
    _, _, levels = levels_of(flow, jobs.new_job)
    steps, sent = flow_delivery(levels, flow_id(levels), ()), 0
    step = next(steps)
    while sent != until and until not in [call.name for call in step]:
        step = steps.send(jobs.connections.run_many(step))
        sent += 1
    steps.close()


def named(note, width, queues=("default", "other")):
    leaves = [
        note.using(queue=queues[number % len(queues)], id=f"leaf{number}").draft(f"{number}") for number in range(width)
    ]
    return chord(leaves, note.using(id="root").draft("root"))


@pytest.mark.parametrize(
    ("width", "queues", "until", "pause"),
    [
        (2, ("default", "other"), 1, 0),
        (2, ("default", "other"), "commit", 2 * 3600),
        (2, ("default", "other"), "receive", 8 * 86_400),
        (120, ("default",), 1, 8 * 86_400),
        (120, ("default",), "commit", 0),
        (130, ("default", "other"), 3, 8 * 86_400),
    ],
)
def test_a_producer_that_comes_back_completes_the_flow_that_it_began(
    note, jobs, counter, travel, width, queues, until, pause
):
    workers = counter(), counter("other", "w2")
    begun(jobs, named(note, width, queues), until)
    travel.by(pause)
    for worker in workers:
        worker.client.run(promote(worker.keys))  # it begins to give up what has waited for too long

    root = jobs.enqueue_flow(named(note, width, queues))

    for _ in range(3):
        travel.by(0 if until == "receive" else 8 * 86_400)
        for worker in workers:
            worker.upkeep()
            worker.desk.worker += "b"
            assert worker.client.run(register(worker.keys, worker.desk.worker, 30, {}))
    assert sorted(work_off(*workers)) == sorted([*map(str, range(width)), "root"])
    assert root.state() is JobState.COMPLETED


@pytest.mark.parametrize("until", ["all", "part"])
def test_to_send_a_flow_again_that_runs_disturbs_nothing(note, jobs, counter, travel, until):
    workers = counter(), counter("other", "w2")
    root = jobs.enqueue_flow(named(note, 130))  # and the producer is not told of it
    [first] = workers[0].take()
    if until == "all":
        assert jobs.enqueue_flow(named(note, 130)) == root
    else:
        begun(jobs, named(note, 130), 2)
    workers[0].end(first)
    travel.by(8 * 86_400)
    for worker in workers:
        worker.upkeep()
        worker.desk.worker += "b"
        assert worker.client.run(register(worker.keys, worker.desk.worker, 30, {}))
    assert sorted([first, *work_off(*workers)]) == sorted([*map(str, range(130)), "root"])
    assert root.state() is JobState.COMPLETED


def test_a_flow_that_was_accepted_is_not_given_up_by_a_producer_that_finds_no_room_for_it_again(note, jobs, counter):
    workers = counter(), counter("other", "w2")
    begun(jobs, named(note, 4), "receive")  # complete, but the other queue has not been told
    root = jobs.queue("default").job("root")
    jobs.queue("default").job("leaf0").remove()
    jobs.queue("default").limit(max_size=1)
    with pytest.raises(QueueFull):
        jobs.enqueue_flow(named(note, 4))
    assert sorted(work_off(*workers)) == ["1", "2", "3"]
    assert root.state() is JobState.FAILED, "it waited for one that was removed"


def test_a_producer_is_told_when_its_flow_was_given_up_meanwhile(note, jobs, counter, travel):
    worker = counter()
    _, _, levels = levels_of(named(note, 4), jobs.new_job)
    steps = flow_delivery(levels, flow_id(levels), ())
    step = next(steps)
    while "commit" not in [call.name for call in step]:
        step = steps.send(jobs.connections.run_many(step))
    travel.by(3601)
    worker.upkeep()
    with pytest.raises(ServerError, match="was given up before it was complete: enqueue it again"):
        steps.send(jobs.connections.run_many(step))


@pytest.mark.parametrize("what", ["retry", "cancel", "remove"])
def test_a_failed_leaf_of_a_wide_flow(note, jobs, counter, what):
    leaves = [note.using(id=f"leaf{number}").draft(f"{number}") for number in range(60)]
    root = jobs.enqueue_flow(chord(leaves, note.draft("root")))
    worker = counter()
    worker.upkeep()
    leaf = jobs.queue("default").job("leaf0")
    if what == "retry":
        assert worker.take() == ["0"]
        worker.end("0", FAILED)
    else:
        getattr(leaf, what)()
    worker.upkeep()
    assert root.state() is JobState.FAILED
    if what == "remove":
        return
    assert len(work_off(worker)) == 59
    leaf.retry()
    worker.upkeep()
    assert root.state() is JobState.BLOCKED
    assert work_off(worker) == ["0", "root"]


def test_a_removed_flow_leaves_nothing_behind(note, jobs, counter, travel):
    worker = counter()
    leaves = [note.using(id=f"leaf{number}").draft(f"{number}") for number in range(60)]
    root = jobs.enqueue_flow(chord(leaves, note.draft("root")))
    worker.upkeep()
    work_off(worker)
    root.remove()
    for number in range(60):
        jobs.queue("default").job(f"leaf{number}").remove()
    worker.upkeep()
    redis = worker.client.redis
    left = [name for name in ("edges", "inputs", "dependents", "blocking", "jobs") if redis.exists(worker.keys[name])]
    assert left == []


# -- mistakes ---------------------------------------------------------------------------------------------------------


def test_a_circle_is_refused_and_nothing_is_enqueued(note, jobs):
    first = Flow(note.draft("a"))
    second = Flow(note.draft("b"), after=first)
    first.after = (After(second),)
    with pytest.raises(DependencyCycle, match="a job would wait for itself: note -> note -> note"):
        jobs.enqueue_flow(Flow(note.draft("c"), after=second))
    assert jobs.queues() == ()


@pytest.mark.parametrize("queue", ["default", "other"])
def test_a_dependency_that_does_not_exist_is_refused_and_nothing_is_enqueued(note, jobs, queue):
    gone = jobs.queue(queue).job("gone")
    with pytest.raises(UnknownDependency, match="which does not exist"):
        jobs.enqueue_flow(Flow(note.draft("root"), after=[note.draft("leaf"), gone]))
    with pytest.raises(UnknownDependency):
        note.using(after=gone).enqueue("a")
    assert sum(jobs.queue("default").info().counts.values()) == 0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda note: Flow("note"), r"Flow\(\) takes a draft"),
        (lambda note: Flow(note.draft("a"), after=["id"]), "after= takes drafts, flows, groups"),
        (lambda note: chain(), r"chain\(\) ends with a single job"),
        (lambda note: chain(note.draft("a"), group([note.draft("b")])), r"use chord\(\)"),
        (lambda note: Flow(note.using(dedup=Dedup()).draft("a")), "may be taken for a duplicate of another"),
    ],
)
def test_what_is_no_flow_is_refused(note, make, message):
    with pytest.raises(InvalidOption, match=message):
        make(note)


def test_errors_of_flows_are_errors_of_jobqueue():
    assert all(issubclass(kind, JobQueueError) for kind in (DependencyCycle, UnknownDependency, QueueFull))


def test_the_oldest_make_room_for_a_whole_flow_and_the_bounds_of_keys_hold_for_it(note, jobs, counter):
    worker = counter()
    jobs.queue("default").limit(max_size=3, on_full="drop_oldest")
    for label in "abc":
        note.enqueue(label)
    jobs.enqueue_flow(chord([note.draft("d"), note.draft("e")], note.draft("f")))
    assert worker.drain() == ["d", "e", "f"]
    jobs.queue("default").limit(max_size=None)
    jobs.queue("default").limit(key="k", max_size=1)
    with pytest.raises(QueueFull):
        jobs.enqueue_flow(chord([note.using(key="k").draft("g"), note.using(key="k").draft("h")], note.draft("i")))
    assert worker.drain() == []
