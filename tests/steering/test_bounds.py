"""Queues and keys of a bounded size, jobs that expire, and jobs that gather the items of several calls."""

import asyncio
import threading
from datetime import UTC, datetime, timedelta

import pytest

from jobqueue import (
    Aggregate,
    InvalidArguments,
    InvalidOption,
    JobExpired,
    JobQueue,
    JobState,
    Limits,
    OutcomeKind,
    QueueFull,
)
from jobqueue.outcome import ErrorText, Retried


def states(handles):
    return [handle.state().value for handle in handles]


# -- size -------------------------------------------------------------------------------------------------------------


def test_a_full_queue_refuses_and_takes_again_when_there_is_room(note, jobs, counter):
    jobs.queue("default").limit(max_size=2)
    note.enqueue("a")
    note.using(delay=60).enqueue("b")
    with pytest.raises(QueueFull, match=r"queue 'default' is full \(max_size\): the job was refused. Try again later"):
        note.enqueue("c")
    worker = counter()
    assert worker.take() == ["a"]
    note.enqueue("d")
    with pytest.raises(QueueFull):
        note.using(priority=5).enqueue("e")
    assert worker.end("a", n=3) == ["d"]
    worker.end_all()


def test_of_many_those_are_taken_that_there_is_room_for(note, jobs, counter):
    jobs.queue("default").limit(max_size=700)
    with pytest.raises(QueueFull) as caught:
        jobs.enqueue_many([note.draft(f"{number}") for number in range(1200)])
    assert (caught.value.enqueued, caught.value.refused) == (700, 300)
    assert "300 of 1000 jobs were refused" in str(caught.value)
    assert jobs.queue("default").info().counts[JobState.WAITING] == 700


def test_a_key_may_be_bounded_by_itself(note, jobs, counter):
    jobs.limits("default", each_key=Limits(max_size=2), keys={"big": Limits(max_size=3)})
    for key, size in (("a", 2), ("big", 3)):
        for number in range(size):
            note.using(key=key).enqueue(f"{key}{number}")
        with pytest.raises(QueueFull):
            note.using(key=key).enqueue("more")
    note.enqueue("plain")
    worker = counter()
    worker.drain(4)
    note.using(key="a").enqueue("a again")
    worker.drain()


def test_the_oldest_may_make_room(note, jobs, counter):
    jobs.queue("default").limit(max_size=3, on_full="drop_oldest")
    handles = [note.enqueue(label) for label in "abcde"]
    assert states(handles) == ["cancelled"] * 2 + ["waiting"] * 3
    assert handles[0].info().ending.message == "it was the oldest, and the queue was full"
    assert counter().drain() == ["c", "d", "e"]


def test_the_oldest_of_a_key_makes_room_for_its_own(note, jobs, counter):
    jobs.queue("default").limit(key="*", max_size=1, on_full="drop_oldest")
    note.using(key="b").enqueue("b0")
    handles = [note.using(key="a").enqueue(f"a{number}") for number in range(3)]
    assert states(handles) == ["cancelled", "cancelled", "waiting"]
    assert sorted(counter().drain()) == ["a2", "b0"]


def test_no_job_is_dropped_for_one_that_is_refused_in_the_end(note, jobs, counter):
    jobs.queue("default").limit(max_size=2, on_full="drop_oldest")
    jobs.queue("default").limit(key="a", max_size=1)
    handles = [note.enqueue("plain"), note.using(key="a").enqueue("a")]
    with pytest.raises(QueueFull):
        note.using(key="a").enqueue("more")
    assert states(handles) == ["waiting", "waiting"]


def test_a_producer_may_wait_for_room(note, jobs, counter):
    jobs.queue("default").limit(max_size=1, on_full="block", block_timeout=20)
    note.enqueue("a")
    waiting = threading.Thread(target=lambda: note.enqueue("b"))
    waiting.start()
    worker = counter()
    assert worker.take() == ["a"]
    waiting.join()
    assert worker.end("a", n=1) == ["b"]
    worker.end_all()


async def test_a_producer_may_wait_for_room_in_asyncio_too(note, jobs):
    await jobs.queue("default").alimit(max_size=1, on_full="block", block_timeout=20)
    first = await note.aenqueue("a")
    waiting = asyncio.create_task(note.aenqueue("b"))
    while not waiting.done():
        await asyncio.sleep(0)
        if (await first.astate()) is JobState.WAITING:
            await first.acancel()
    assert (await (await waiting).astate()) is JobState.WAITING
    await jobs.aclose()


def test_it_waits_no_longer_than_it_is_told_to(note, jobs):
    jobs.queue("default").limit(max_size=1, on_full="block", block_timeout=0.05)
    note.enqueue("a")
    with pytest.raises(QueueFull):
        note.enqueue("b")


def test_an_id_that_exists_already_is_not_refused(note, jobs):
    jobs.queue("default").limit(max_size=1)
    first = note.using(id="one").enqueue("a")
    assert note.using(id="one").enqueue("a") == first


# -- expiry -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("swept", [True, False])
@pytest.mark.parametrize("options", [{}, {"priority": 2}, {"key": "k"}, {"delay": 5}])
def test_what_does_not_start_in_time_is_dropped_as_expired(note, counter, travel, options, swept):
    worker = counter()
    handle, other = note.using(expires=10, **options).enqueue("a"), note.enqueue("b")
    assert handle.info().expires_at == datetime.fromtimestamp(travel.now / 1000 + 10, UTC)
    travel.by(10)
    if swept or options == {"delay": 5}:
        worker.upkeep()
    assert worker.drain() == ["b"]
    info = handle.info()
    assert (info.state, info.ending.outcome) == (JobState.CANCELLED, OutcomeKind.EXPIRED)
    with pytest.raises(JobExpired, match=f"job {handle.id} was cancelled: it did not start before its time was over"):
        handle.result(1)
    assert other.state() is JobState.COMPLETED


def test_what_starts_in_time_may_take_as_long_as_it_likes_and_be_retried(note, counter, travel):
    worker = counter()
    note.using(expires=10).enqueue("a")
    travel.by(9.9)
    assert worker.take() == ["a"]
    travel.by(5)
    worker.upkeep()
    worker.end("a", Retried(ErrorText("ValueError", "no"), 1))
    travel.by(5)
    worker.upkeep()
    assert worker.drain() == ["a"]


def test_a_task_may_say_so_for_all_its_jobs_and_a_job_for_itself(jobs, counter, travel):
    @jobs.task(expires=timedelta(seconds=5))
    def fleeting(label: str) -> None: ...

    worker = counter()
    fleeting.enqueue("a")
    fleeting.using(expires=25).enqueue("b")
    fleeting.using(expires=datetime.fromtimestamp(travel.now / 1000 + 3, UTC)).enqueue("c")
    travel.by(4)
    worker.upkeep()
    assert [job.args["label"] for job in jobs.queue("default").jobs("cancelled")] == ["c"]
    travel.by(4)
    assert worker.drain() == ["b"]


@pytest.mark.parametrize("expires", [0, -1, "soon", datetime(2030, 1, 1)])  # noqa: DTZ001  that is the mistake
def test_an_expiry_that_makes_no_sense_is_refused(note, expires):
    with pytest.raises(InvalidOption, match="expires"):
        note.using(expires=expires)


# -- aggregation ------------------------------------------------------------------------------------------------------


@pytest.fixture
def digest(jobs):
    """Return a task that gathers."""

    @jobs.task(aggregate=Aggregate("events", size=5, quiet=10, max_delay=25))
    def digest(label: str, events: list[dict[str, int]]) -> int:
        return len(events)

    return digest


def gathered(handle):
    return [event["n"] for event in handle.info().args["events"]]


def test_calls_are_gathered_until_it_has_been_quiet(digest, counter, travel):
    worker = counter()
    first = digest.enqueue("ada", [{"n": 1}])
    travel.by(9)
    assert digest.enqueue("ada", [{"n": 2}, {"n": 3}]) == first
    other = digest.enqueue("bob", [{"n": 9}])
    assert other != first
    travel.by(9)
    worker.upkeep()
    assert worker.take() == []
    travel.by(1)
    worker.upkeep()
    assert sorted(worker.take(5)) == ["ada", "bob"]
    assert (gathered(first), gathered(other)) == ([1, 2, 3], [9])
    assert digest.enqueue("ada", [{"n": 4}]) != first
    worker.end_all()


def test_enough_items_start_it_at_once_and_the_next_call_begins_anew(digest, counter):
    worker = counter()
    first = digest.enqueue("ada", [{"n": 1}])
    for n in (2, 3, 4):
        digest.enqueue("ada", [{"n": n}])
    assert worker.take() == []
    assert digest.enqueue("ada", [{"n": 5}]) == first
    assert worker.bell or worker.client.redis.llen(worker.keys["wait"])
    assert digest.enqueue("ada", [{"n": 0}]) != first
    assert worker.take() == ["ada"]
    assert gathered(first) == [1, 2, 3, 4, 5]
    assert digest.enqueue("ada", [{"n": 6}]).duplicate, "it has begun anew before"
    worker.end_all()
    full = digest.enqueue("bob", [{"n": n} for n in range(7)])
    assert worker.take() == ["bob"]
    assert gathered(full) == list(range(7))
    worker.end_all()


def test_what_would_make_a_job_too_long_starts_it_and_begins_anew(jobs, counter):
    small = JobQueue("memory://", max_payload=2000, now=jobs.connections.now)
    small.connections._server = jobs.connections.server

    @small.task(aggregate=Aggregate("items", size=100, quiet=10))
    def collect(label: str, items: list[str]) -> None: ...

    worker = counter()
    part = "x" * 500
    first = collect.enqueue("ada", [part])
    assert [collect.enqueue("ada", [part]) for _ in range(2)] == [first, first]
    assert worker.take() == []
    draft = collect.using(id="another").draft("ada", [part])
    other = small.enqueue(draft)
    assert other.id == "another"
    assert small.enqueue(draft) == other
    assert worker.take() == ["ada"]
    info = first.info()
    assert (info.args["items"], info.state) == ([part] * 3, JobState.ACTIVE)
    assert len(info.specification) <= 2000
    assert collect.enqueue("ada", [part]) == other
    worker.end_all()
    assert worker.take() == []
    whole = collect.enqueue("bob", ["y" * 1800])
    assert collect.enqueue("bob", ["y" * 1800]) != whole, "each call alone is as long as a job may be"
    assert worker.take(5) == ["bob"]


def test_the_maximum_delay_counts_from_the_first_call(digest, counter, travel):
    worker = counter()
    first = digest.enqueue("ada", [{"n": 0}])
    for n in (1, 2, 3):
        travel.by(8)
        worker.upkeep()
        assert digest.enqueue("ada", [{"n": n}]) == first
    travel.by(1)
    worker.upkeep()
    assert worker.drain() == ["ada"]
    assert gathered(first) == [0, 1, 2, 3]


def test_a_call_that_is_sent_again_counts_once(digest, jobs):
    first = digest.enqueue("ada", [{"n": 1}])
    draft = digest.using(id="again").draft("ada", [{"n": 2}])
    for _ in range(3):
        assert jobs.enqueue(draft) == first
    assert gathered(first) == [1, 2]


def test_whatever_is_in_the_items_arrives_as_it_was(jobs, counter):
    @jobs.task(aggregate=Aggregate("items", size=3, quiet=1))
    def collect(items: list[str], *, label: str = "x", tail: dict[str, str] | None = None) -> None: ...

    odd = ['"],["', "}{", "\\", "ä €", '{"at":1,"task":"x"}']
    first = collect.using(meta={"trace": "]}"}, timeout=5).enqueue(odd[:2], label="l", tail={"a": "]"})
    collect.using(meta={"trace": "]}"}, timeout=5).enqueue(odd[2:], label="l", tail={"a": "]"})
    info = first.info()
    assert info.args == {"items": odd, "label": "l", "tail": {"a": "]"}}
    assert info.meta == {"trace": "]}"}


def test_what_cannot_gather_is_refused(jobs, digest):
    with pytest.raises(
        InvalidArguments, match=r"digest\(\): events gathers items, so it must be a list of at least one"
    ):
        digest.enqueue("ada", [])
    with pytest.raises(InvalidOption, match="size= of Aggregate must be between 1 and 10,000, not 0"):
        Aggregate("events", size=0)
    with pytest.raises(InvalidOption, match="quiet is more than 0, and no longer than max_delay"):
        Aggregate("events", quiet=10, max_delay=5)
    with pytest.raises(InvalidOption, match=r"Aggregate\(...\): other\(\) has no parameter 'evens'"):

        @jobs.task(aggregate=Aggregate("evens"))
        def other(events: list[int]) -> None: ...


def test_the_oldest_is_that_which_was_added_first_whatever_its_priority(note, jobs, counter, travel):
    worker = counter()
    jobs.queue("default").limit(max_size=3, on_full="drop_oldest")
    handles = []
    for options in ({"priority": -1}, {"priority": 9}, {}, {"key": "a"}, {"priority": 9}):
        handles.append(note.using(**options).enqueue(f"{len(handles)}"))
        travel.by(1)
    assert states(handles) == ["cancelled", "cancelled", "waiting", "waiting", "waiting"]
    assert sorted(worker.drain()) == ["2", "3", "4"]


def test_the_oldest_of_a_key_whose_task_is_limited_makes_room(jobs, counter, travel):
    worker = counter()
    scarce = jobs.task(name="scarce", limits=Limits(concurrency=1))(lambda label: None)
    jobs.queue("default").limit(key="a", max_size=2, on_full="drop_oldest")
    handles = []
    for number in range(4):
        handles.append(scarce.using(key="a").enqueue(f"{number}"))
        travel.by(1)
    assert states(handles) == ["cancelled", "cancelled", "waiting", "waiting"]
    assert worker.drain() == ["2", "3"]


def test_a_job_that_waits_for_another_attempt_gathers_no_more(digest, counter, travel):
    worker = counter()
    first = digest.enqueue("ada", [{"n": n} for n in range(5)])
    worker.take()
    worker.end("ada", Retried(ErrorText("ValueError", "no"), 8))
    assert digest.enqueue("ada", [{"n": 9}]) != first
    assert gathered(first) == list(range(5))
