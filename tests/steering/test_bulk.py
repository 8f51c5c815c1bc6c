"""Operations on many jobs: by condition, and on a whole queue. The keyspace is audited after each of them."""

import pytest
from audit import problems, read_keyspace
from desk import START

from jobqueue import After, Aggregate, Dedup, InvalidOption, JobNotFound, JobState, QueueInUse, RateLimit
from jobqueue.fingerprint import fingerprint_of
from jobqueue.operations import change
from jobqueue.outcome import Cancelled, Completed, ErrorText, Failed, Lost
from jobqueue.store.claims import Settlement, heartbeat, reap
from jobqueue.store.jobs import watch
from jobqueue.store.script import script
from jobqueue.where import parse

TIMEOUT = Failed(ErrorText("TimeoutError", "took 5 s", 'File "/a/mail.py", line 3, in send\n'))
VALUE = Failed(ErrorText("ValueError", "bad address 'ada'"))


def space_of(jobs, queue="default"):
    space = read_keyspace(jobs.connections.sync_client().redis, jobs.keys(queue))
    assert problems(space) == []
    return space


@pytest.fixture
def ended(jobs, counter, note):
    """Return what enqueues jobs and ends them all in one way."""
    worker = counter()

    def run(outcome, *labels: str, task=note, **options) -> None:
        for label in labels:
            task.using(id=label, **options).enqueue(label)
        jobs.connections.run(heartbeat(worker.keys, "w1", 30))
        worker.take(len(labels))
        worker.end_all() if outcome is None else [worker.end(label, outcome) for label in labels]

    return run


def failed_ids(queue):
    return {job.id for job in queue.find(states=["failed"])}


# -- the index of errors ----------------------------------------------------------------------------------------------


def test_failed_jobs_are_grouped_by_what_their_errors_have_in_common(jobs, ended, travel, note):
    @jobs.task
    def load(label: str) -> str:
        return label

    ended(TIMEOUT, "a", "b")
    travel.by(60)
    ended(Failed(ErrorText("TimeoutError", "took 71 s", 'File "/b/mail.py", line 4, in send\n')), "c", task=load)
    ended(VALUE, "d")
    queue = jobs.queue("default")
    first, second = queue.failed_groups()
    expected = fingerprint_of("TimeoutError", "took 1 s", 'File "mail.py", line 1, in send\n')
    assert (first.name, first.pattern) == expected
    assert (first.count, first.tasks, first.queues) == (3, ("load", "note"), ("default",))
    assert (first.last_at - first.first_at).total_seconds() == 60
    assert (first.examples[0], set(first.examples)) == ("c", {"a", "b", "c"})
    assert (second.pattern, second.count, second.examples) == ("ValueError: bad address <text>", 1, ("d",))
    assert [(group.name, group.count) for group in queue.failed_groups("task")] == [("note", 3), ("load", 1)]
    assert [(group.name, group.count) for group in queue.failed_groups("queue")] == [("default", 4)]
    assert queue.failed_groups(most=1) == [first]


def test_every_way_into_the_failed_jobs_and_out_of_them_is_indexed(jobs, counter, note):
    worker = counter()
    lost, parent, kept = note.enqueue("lost"), note.enqueue("parent"), note.enqueue("kept")
    child = note.using(after=parent).enqueue("child")
    worker.take(3)
    worker.end("lost", Lost("out of memory"))
    for _ in range(2):
        worker.take(1)
        worker.end("lost", Lost("out of memory"))
    worker.end("parent", VALUE)
    worker.end("kept", VALUE)
    queue = jobs.queue("default")
    assert {group.pattern: group.examples for group in queue.failed_groups()} == {
        "WorkerLost": (lost.id,),
        "DependencyFailed": (child.id,),
        "ValueError: bad address <text>": tuple(sorted([parent.id, kept.id], reverse=True)),
    }
    parent.retry()  # and with it the child
    worker.upkeep()
    assert {group.examples for group in queue.failed_groups()} == {(lost.id,), (kept.id,)}
    lost.remove()
    assert queue.clean("failed") == 1
    assert queue.failed_groups() == []
    assert not space_of(jobs)["fingerprints"]


def test_what_failed_before_there_was_an_index_is_shown_as_unknown_and_found_all_the_same(jobs, ended):
    ended(TIMEOUT, "a", "b")
    client, keys = jobs.connections.sync_client(), jobs.keys("default")
    client.redis.delete(keys["fingerprints"])
    ended(TIMEOUT, "c")
    queue = jobs.queue("default")
    assert next((group.name, group.count, group.pattern) for group in queue.failed_groups()) == ("-", 2, "unknown")
    assert {job.id for job in queue.find("task=note and failed_at>-1h", states=["failed"])} == {"a", "b", "c"}
    assert queue.failed_groups("queue")[0].count == 3
    assert queue.retry_all("task=note") == 3


def test_an_error_without_a_fingerprint_is_in_the_index_too(jobs, counter, note):
    worker = counter()
    note.using(id="a").enqueue("a")
    worker.take()
    # As a worker in another language may settle.
    job, found = worker.held["a"], script("settle")
    names = [worker.keys.inbox("w1") if name == "inbox" else worker.keys[name] for name in found.keys]
    error = '{"type":"E","message":"no"}'
    words = [
        "EVAL",
        found.text(flagged=False),
        len(names),
        *names,
        START,
        "w1",
        "9",
        0,
        3,
        0,
        "a",
        job.token,
        "failed",
        -1,
        error,
    ]
    worker.client.redis.execute_command(*words)
    [group] = jobs.queue("default").failed_groups()
    assert (group.name, group.pattern) == ("-", "E: no")
    assert [job.id for job in jobs.queue("default").find("fingerprint=-")] == ["a"]


# -- by condition -----------------------------------------------------------------------------------------------------


def test_jobs_are_found_in_every_state(jobs, counter, ended, note):
    worker = counter()
    ended(TIMEOUT, "failed")
    ended(None, "completed")
    note.using(id="running").enqueue("running")
    worker.take()
    note.using(id="cancelled").enqueue("x").cancel()
    first = note.using(id="plain", meta={"trace": "t"}).enqueue("plain")
    note.using(id="steered", priority=5, key="acme").enqueue("steered")
    note.using(id="delayed", delay=60).enqueue("delayed")
    note.using(id="blocked", after=first).enqueue("blocked")
    queue = jobs.queue("default")
    everything = [job.id for job in queue.find()]
    assert everything == ["running", "plain", "steered", "delayed", "blocked", "failed", "completed", "cancelled"]
    for where, expected in {
        "state=waiting": ["plain", "steered"],
        "state=waiting and key=acme and priority=5": ["steered"],
        "meta.trace=t": ["plain"],
        "args.label=blocked or args.label=delayed": ["delayed", "blocked"],
        "error~took": ["failed"],
        "queue=other": [],
        "state=active or state=failed": ["running", "failed"],
    }.items():
        assert [job.id for job in queue.find(where)] == expected, where
    assert [job.id for job in queue.find("task=note", states=["completed", "delayed"])] == ["delayed", "completed"]
    worker.end_all()


async def test_the_twins_for_asyncio_do_the_same(jobs, ended, travel):
    ended(TIMEOUT, "a", "b")
    ended(VALUE, "c")
    queue = jobs.queue("default")
    assert [job.id async for job in queue.afind("error~took")] == ["a", "b"]
    assert [group.count for group in await queue.afailed_groups()] == [2, 1]
    assert await queue.aretry_all("error~took") == 2
    assert await queue.acancel_all("id=a", reason="no") == 1
    assert await queue.aremove_all("id=a") == 1
    assert await queue.adrain() == 1
    assert await queue.aclean("failed") == 1
    await jobs.connections.aclose()
    with pytest.raises(QueueInUse):
        await queue.aobliterate()
    assert await queue.aobliterate(force=True) == 0
    await jobs.connections.aclose()


def test_failed_jobs_are_retried_by_condition_each_once(jobs, ended, travel):
    ended(TIMEOUT, *[f"t{n}" for n in range(30)])
    travel.by(7200)
    ended(TIMEOUT, *[f"u{n}" for n in range(250)])
    ended(VALUE, "v")
    queue = jobs.queue("default")
    told = []
    assert queue.retry_all("task=note and error~timeout and failed_at>-1h", progress=told.append) == 250
    assert told == [50, 100, 150, 200, 250]
    assert queue.info().counts[JobState.WAITING] == 250
    assert failed_ids(queue) == {"v", *[f"t{n}" for n in range(30)]}
    assert queue.retry_all("task=note and error~timeout and failed_at>-1h") == 0
    assert space_of(jobs)["attempts"]["u1"].startswith("0 0 0 0 0")


def test_what_fails_again_meanwhile_is_not_retried_again(jobs, counter, ended, travel):
    ended(TIMEOUT, *[f"t{n}" for n in range(150)])
    worker, queue = counter(worker="w2"), jobs.queue("default")

    def run_again(done: int) -> None:
        for label in worker.take(100):
            worker.end(label, TIMEOUT)

    assert queue.retry_all("error~took", progress=run_again) == 150
    assert queue.info().counts[JobState.FAILED] == 150


def test_an_operation_that_is_interrupted_goes_on_when_it_is_asked_for_again(jobs, ended):
    ended(TIMEOUT, *[f"t{n}" for n in range(250)])
    queue = jobs.queue("default")

    def interrupt(done: int) -> None:
        raise KeyboardInterrupt

    for left in (200, 150):
        with pytest.raises(KeyboardInterrupt):
            queue.remove_all(states=["failed"], progress=interrupt)
        assert queue.info().counts[JobState.FAILED] == left
        space_of(jobs)
    assert queue.remove_all(states=["failed"]) == 150
    assert not space_of(jobs)["jobs"]


def test_the_pages_stay_right_while_jobs_leave_and_come(jobs, counter, note):
    worker = counter()
    for n in range(220):
        note.using(id=f"j{n}").enqueue(str(n))
    seen = []
    for job in jobs.queue("default").find(states=["waiting"]):
        seen.append(job.id)
        if len(seen) in (50, 150):
            worker.take(30)  # from the other end
            jobs.enqueue_many(note.using(id=f"n{len(seen)}-{n}").draft("x") for n in range(40))
    assert {f"j{n}" for n in range(60, 220)} <= set(seen)
    worker.end_all()


def lead(jobs, steps, look):
    """Execute an operation step by step, without waiting, show each step before it is done, and return the result."""
    replies = None
    while True:
        try:
            step = steps.send(replies)
        except StopIteration as end:
            return end.value
        look(step)
        replies = None if isinstance(step, float) else jobs.connections.run_many(step)


def test_a_rate_is_kept(jobs, ended):
    ended(TIMEOUT, *[f"t{n}" for n in range(20)])
    waits, batches = [], []

    def look(step):
        if isinstance(step, float):
            waits.append(step)
        elif step[0].name == "retry_many":
            batches.append(len(step[0].args) - 1)

    assert (
        lead(
            jobs,
            change(jobs.keys("default"), "retry", parse(""), ("failed",), lambda job: job, rate=RateLimit(50)),
            look,
        )
        == 20
    )
    assert batches == [5, 5, 5, 5]
    assert sum(waits) == pytest.approx(0.1 * (1 + 2 + 3), abs=0.1)  # nobody has waited, so they add up


def test_jobs_are_cancelled_and_removed_where_they_are(jobs, counter, note, ended):
    worker = counter()
    ended(VALUE, "failed")
    note.using(id="running", key="acme").enqueue("running")
    worker.take()
    first = note.using(id="plain").enqueue("plain")
    note.using(id="steered", priority=5, key="acme", dedup=Dedup(), expires=60).enqueue("steered")
    note.using(id="delayed", delay=60).enqueue("delayed")
    blocked = note.using(id="blocked", after=first).enqueue("blocked")
    queue = jobs.queue("default")
    assert queue.cancel_all("key=acme", reason="not wanted") == 2
    assert queue.job("running").info().cancelling
    assert queue.job("steered").info().ending.message == "not wanted"
    assert queue.remove_all("id=plain or id=delayed") == 2
    worker.upkeep()
    assert blocked.state() is JobState.FAILED
    assert queue.remove_all("id=running") == 0
    assert queue.retry_all("state=cancelled") == 1
    assert queue.remove_all() == 3
    assert set(space_of(jobs)["jobs"]) == {"running"}
    worker.end("running", Cancelled(""))


def test_a_job_that_has_another_state_by_now_is_left_alone(jobs, counter, note):
    """Somebody else was there between the look and the deed."""
    note.using(id="a").enqueue("a")
    worker, queue = counter(), jobs.queue("default")
    for verb in ("remove", "cancel"):

        def look(step, verb=verb):
            if step[0].name == f"{verb}_many":
                assert worker.take() == ["a"]

        assert lead(jobs, change(worker.keys, verb, parse(""), ("waiting",), lambda job: job), look) == 0
        assert not queue.job("a").info().cancelling
        worker.end("a", VALUE)
        assert queue.retry_all() == 1


@pytest.mark.parametrize(
    ("verb", "where", "states", "says"),
    [
        ("retry", "taks=a", None, "did you mean 'task'"),
        ("retry", "state=waiting", None, "retry cannot be done to waiting jobs, only to failed, cancelled"),
        ("remove", "", ["active"], "remove cannot be done to active jobs.*: cancel them first"),
        ("cancel", "state=completed", None, "cancel cannot be done to completed jobs"),
    ],
)
def test_what_cannot_be_done_is_refused(jobs, verb, where, states, says):
    with pytest.raises(InvalidOption, match=says):
        getattr(jobs.queue("default"), f"{verb}_all")(where, states=states)


# -- whole queues -----------------------------------------------------------------------------------------------------


def mixture(jobs, counter, note):
    """Fill the queue with jobs of every kind; one of them runs."""
    worker = counter()
    jobs.queue("default").limit(task="note", concurrency=1)
    jobs.queue("default").limit(key="acme", concurrency=1)

    @jobs.task
    def load(label: str) -> str:
        return label

    @jobs.task(aggregate=Aggregate("rows", size=10, max_delay=60))
    def gather(rows: list[int]) -> None: ...

    note.using(id="running", key="acme").enqueue("running")
    assert worker.take() == ["running"]
    first = load.using(id="plain").enqueue("plain")
    for n in range(150):
        load.using(id=f"p{n}").enqueue("p")
    for n in range(3):
        load.using(id=f"keyed{n}", key="acme", expires=60).enqueue("keyed")
        note.using(id=f"limited{n}", priority=n).enqueue("limited")
    load.using(id="same", dedup=Dedup(key="one")).enqueue("same")
    load.using(id="later", delay=60).enqueue("later")
    gather.enqueue([1, 2])
    load.using(id="blocked", after=first).enqueue("blocked")
    load.using(id="free", after=After(first, "run")).enqueue("free")
    load.using(id="abroad", queue="other", after=first).enqueue("abroad")
    load.enqueue("off").cancel()
    counter("other", "w9").upkeep()  # tells this queue that a job there depends on one here
    worker.upkeep()
    return worker


def test_draining_deletes_what_waits_and_lets_go_of_all_that_it_held(jobs, counter, note):
    worker, queue = mixture(jobs, counter, note), jobs.queue("default")
    waiting = queue.info().counts[JobState.WAITING]
    told = []
    # The one that depends on one of them, and runs in any case, comes into the line meanwhile.
    assert queue.drain(progress=told.append) == waiting + 1 == told[-1] == 159
    space = space_of(jobs)
    assert set(queue.info().counts.items()) >= {(JobState.WAITING, 0), (JobState.DELAYED, 2), (JobState.ACTIVE, 1)}
    assert (set(space["places"]), space["deadlines"], list(space["keyed"])) == ({"running"}, {}, ["acme|running"])
    worker.upkeep()
    assert jobs.queue("other").job("abroad").state() is JobState.FAILED
    assert queue.job("blocked").state() is JobState.FAILED
    assert jobs.queue("default").enqueue("load", {"label": "again"}, dedup=Dedup(key="one")).duplicate is False
    assert queue.drain(delayed=True) == 3
    assert queue.drain(delayed=True) == 0
    worker.end("running")
    assert worker.drain() == []


@pytest.mark.parametrize("how", ["paused", "limited"])
def test_draining_a_line_that_is_held_and_has_ghosts(jobs, counter, note, how):
    counter()
    queue = jobs.queue("default")
    queue.pause() if how == "paused" else queue.limit(concurrency=1)
    handles = [note.enqueue(str(n)) for n in range(120)]
    for handle in handles[:110]:
        handle.cancel()
    assert queue.drain() == 10
    assert not space_of(jobs)["ghosts"]


def test_whoever_waits_for_a_drained_job_is_told(jobs, note, counter):
    counter()
    handle = note.enqueue("a")
    subscriber = jobs.connections.sync_client().redis.pubsub()
    subscriber.subscribe(handle.keys.finished(handle.id))
    jobs.connections.run(watch(handle.keys, handle.id))
    jobs.queue("default").drain()
    messages = [subscriber.get_message(timeout=5) for _ in range(2)]
    assert messages[1]["data"] == b""
    subscriber.close()
    with pytest.raises(JobNotFound):
        handle.result(timeout=1)


def test_jobs_that_have_ended_are_cleaned_by_age_and_number(jobs, ended, travel):
    for round_ in range(3):
        ended(None, *[f"c{round_}-{n}" for n in range(60)])
        ended(VALUE, f"f{round_}")
        travel.by(3600)
    queue = jobs.queue("default")
    assert queue.clean("completed", older_than=5400, keep=150) == 30
    assert queue.clean("completed", older_than=5400) == 90
    assert queue.clean("completed", keep=10) == 50
    assert all(job.id.startswith("c2-") for job in queue.find(states=["completed"]))
    assert queue.info().counts[JobState.COMPLETED] == 10
    assert queue.clean("failed", older_than=7000) == 2
    assert failed_ids(queue) == {"f2"}
    space_of(jobs)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"state": "waiting"}, "completed, failed or cancelled jobs, not 'waiting'"),
        ({"state": "failed", "keep": -1}, "whole number from 0, not -1"),
        ({"state": "failed", "older_than": -1}, "older_than= of clean"),
    ],
)
def test_cleaning_what_makes_no_sense_is_refused(jobs, arguments, says):
    with pytest.raises(InvalidOption, match=says):
        jobs.queue("default").clean(**arguments)


def test_obliterating_leaves_nothing_and_tells_the_jobs_of_other_queues(jobs, counter, note):
    worker, queue = mixture(jobs, counter, note), jobs.queue("default")
    before = space_of(jobs).present
    with pytest.raises(QueueInUse, match="1 worker serves it, and 1 of its jobs run") as caught:
        queue.obliterate()
    assert (caught.value.active, caught.value.workers) == (1, 1)
    assert space_of(jobs).present == before
    worker.end("running")
    jobs.connections.run(reap(worker.keys, "w1", Lost("gone"), force=True))
    total = sum(queue.info().counts.values())
    assert queue.obliterate() == total
    assert space_of(jobs).present == {}
    assert jobs.queues() == ("other",)
    assert jobs.queue("other").job("abroad").state() is JobState.FAILED
    assert queue.obliterate() == 0
    again = counter(worker="w2")
    assert note.enqueue("again").duplicate is False
    assert again.drain() == ["again"]


def test_obliterating_by_force_refuses_what_runs(jobs, counter, note):
    worker, queue = mixture(jobs, counter, note), jobs.queue("default")
    assert queue.obliterate(force=True) > 150
    assert space_of(jobs).present == {}
    job = worker.held["running"]
    answer = worker.desk.settle(Settlement(job.id, job.token, Completed(b"1")))
    assert (answer.lease, answer.applied) == (False, (False,))
    assert space_of(jobs).present == {}
