"""Schedules through the public face: what fires, when, and what becomes of slots that cannot."""

from datetime import UTC, datetime, timedelta

import pytest

from jobqueue import (
    Aggregate,
    Cron,
    Dedup,
    Every,
    InvalidArguments,
    InvalidOption,
    JobQueue,
    JobState,
    Limits,
    QueueFull,
    Schedule,
    ScheduleConflict,
    ScheduleNotFound,
    UnknownOption,
)
from jobqueue.outcome import Interrupted
from jobqueue.store.claims import reap, register
from jobqueue.worker import scheduler as scheduler_module

MARTIAN = '{"specification":"{\\"task\\":\\"report\\"}","steering":"","cron":"* * * * *","tz":"Mars/Base"}'
START = datetime(2026, 11, 21, 8, tzinfo=UTC)


def at(text: str) -> datetime:
    """Return a time of the day on which the tests begin."""
    return datetime.fromisoformat(f"2026-11-21T{text}+00:00")


@pytest.fixture
def report(jobs):
    """A task."""

    @jobs.task
    def report(tenant: str = "all") -> None:
        pass

    return report


def ids(jobs, state="waiting", queue="default"):
    """Return the ids of jobs, in the order in which they run."""
    return [job.id for job in jobs.queue(queue).jobs(state)]


def kinds(jobs, schedule="report"):
    """Return what became of the slots of a schedule."""
    return [slot.kind for slot in jobs.schedules.get(schedule).slots]


async def test_a_slot_fires_when_its_time_has_come(jobs, report, schedulers, travel):
    jobs.schedules.upsert("report", report.draft("acme"), Cron("*/15 9 * * *", tz="Europe/Paris"))
    scheduler = await schedulers.of(jobs)
    assert await scheduler.tick() == pytest.approx(60, abs=1)  # at most; it is 9:00 in Paris, and that slot is over
    travel.by(899)
    assert await scheduler.tick() == pytest.approx(1)
    assert ids(jobs) == []
    travel.by(1)
    await scheduler.tick()
    assert ids(jobs) == ["report:20261121T081500Z"]
    job = jobs.job("default", "report:20261121T081500Z").info()
    assert (job.args, job.schedule, job.slot) == ({"tenant": "acme"}, "report", at("08:15"))
    info = jobs.schedules.get("report")
    assert (info.state, info.fired, info.next_at) == ("active", 1, at("08:30"))
    [slot] = info.slots
    assert (slot.kind, slot.at, slot.handled_at, slot.job) == ("fired", at("08:15"), at("08:15"), job.id)


async def test_jobs_have_the_options_of_the_draft(jobs, report, schedulers, travel):
    draft = report.using(priority=7, key="acme", timeout=5, meta={"trace": "x"}, queue="mail").draft("acme")
    jobs.schedules.upsert("report", draft, Every(minutes=1))
    travel.by(60)
    await (await schedulers.of(jobs, "w1", "mail")).tick()
    [job] = jobs.queue("mail").jobs("waiting")
    job = jobs.job("mail", job.id).info()
    assert (job.priority, job.key, job.meta) == (7, "acme", {"trace": "x"})


async def test_putting_the_same_again_changes_nothing(jobs, report, schedulers, travel):
    scheduler = await schedulers.of(jobs)
    for _ in range(3):
        jobs.schedules.upsert("report", report.draft(), Every(minutes=10))
        travel.by(240)
    # It was put at 8:00, 8:04 and 8:08: were it new each time, the slot at 8:10 would still fire, but not this one.
    jobs.schedules.upsert("report", report.draft("other"), Every(minutes=10))
    await scheduler.tick()
    assert ids(jobs) == ["report:20261121T081000Z"]
    [job] = jobs.queue("default").jobs("waiting")
    assert job.args == {"tenant": "other"}


async def test_a_change_of_its_times_begins_anew(jobs, report, schedulers, travel):
    jobs.schedules.upsert("report", report.draft(), Every(minutes=10))
    travel.by(720)
    jobs.schedules.upsert("report", report.draft(), Every(minutes=5))
    scheduler = await schedulers.of(jobs)
    await scheduler.tick()
    assert ids(jobs) == []
    travel.by(180)
    await scheduler.tick()
    assert ids(jobs) == ["report:20261121T081500Z"]


async def test_a_schedule_moves_to_another_queue(jobs, report, schedulers, travel):
    jobs.schedules.upsert("report", report.draft(), Every(minutes=1))
    info = jobs.schedules.upsert("report", report.using(queue="mail").draft(), Every(minutes=1))
    assert info.queue == "mail"
    assert [each.queue for each in jobs.schedules.list()] == ["mail"]
    travel.by(60)
    await (await schedulers.of(jobs, "w1", "default", "mail")).tick()
    assert (len(ids(jobs)), len(ids(jobs, queue="mail"))) == (0, 1)


@pytest.mark.parametrize(
    ("missed", "late", "expected"),
    [
        ("last", 3660, ["090000"]),
        ("skip", 3659, ["090000"]),
        ("skip", 3661, []),
        (3, 3660, ["085000", "085500", "090000"]),
        (1000, 900, ["080500", "081000", "081500"]),
    ],
)
async def test_slots_that_nobody_was_there_for(jobs, report, schedulers, travel, missed, late, expected):
    jobs.schedules.upsert("report", report.draft(), Schedule(Every(minutes=5), missed=missed))
    await (await schedulers.of(jobs)).tick()
    travel.by(late)
    scheduler = await schedulers.of(jobs, "w2")
    await scheduler.tick()
    assert ids(jobs) == [f"report:20261121T{time}Z" for time in expected]
    assert ("missed" in kinds(jobs)) == (missed != 1000)
    travel.by(300 - late % 300)
    await scheduler.tick()
    assert len(ids(jobs)) == len(expected) + 1


async def test_start_end_and_limit(jobs, report, schedulers, travel):
    times = Schedule(Every(minutes=10), start=at("08:05"), end=at("08:30"))
    jobs.schedules.upsert("report", report.draft(), times)
    jobs.schedules.upsert("twice", report.draft(), Schedule(Every(minutes=10), limit=2))
    scheduler = await schedulers.of(jobs)
    for _ in range(60):
        await scheduler.tick()
        travel.by(60)
    assert sorted(ids(jobs)) == [
        *(f"report:20261121T08{minute}00Z" for minute in ("05", "15", "25")),
        *(f"twice:20261121T08{minute}00Z" for minute in ("10", "20")),
    ]
    assert {info.id: (info.state, info.next_at, info.fired) for info in jobs.schedules.list()} == {
        "report": ("ended", None, 3),
        "twice": ("ended", None, 2),
    }


async def test_jitter_delays_the_job_by_the_same_time_whoever_fires_it(jobs, report, schedulers, travel):
    jobs.schedules.upsert("report", report.draft(), Schedule(Every(minutes=1), jitter=30))
    scheduler = await schedulers.of(jobs)
    for _ in range(10):
        travel.by(60)
        await scheduler.tick()
    delays = [job.run_at - job.created_at for job in jobs.queue("default").jobs("delayed")]
    assert all(timedelta(0) < delay <= timedelta(seconds=30) for delay in delays)
    assert len(set(delays)) >= 9
    schedule = Schedule(Every(minutes=1), jitter=30)
    assert sorted(delays) == sorted(
        found for minute in range(1, 11) if (found := schedule.delay_of("report", START + timedelta(minutes=minute)))
    )


async def test_overlap_skip(jobs, report, schedulers, travel):
    jobs.schedules.upsert("report", report.draft(), Schedule(Every(minutes=1), overlap="skip", limit=2))
    scheduler = await schedulers.of(jobs)
    for _ in range(3):
        travel.by(60)
        await scheduler.tick()
    assert len(ids(jobs)) == 1
    jobs.job("default", ids(jobs)[0]).cancel()
    travel.by(60)
    await scheduler.tick()
    assert len(ids(jobs)) == 1
    assert kinds(jobs) == ["fired", "skipped", "skipped", "fired"]
    assert jobs.schedules.get("report").slots[1].job == "report:20261121T080100Z"
    assert jobs.schedules.get("report").state == "ended"  # slots that are skipped do not count


async def test_overlap_queue_one(jobs, report, schedulers, travel, counter):
    jobs.schedules.upsert("report", report.draft(), Schedule(Every(minutes=1), overlap="queue_one"))
    scheduler, desk = await schedulers.of(jobs), counter(jobs)
    travel.by(60)
    await scheduler.tick()
    [first] = desk.claim().jobs
    for _ in range(3):
        travel.by(60)
        await scheduler.tick()
    assert ids(jobs) == []
    assert ids(jobs, "blocked") == ["report:20261121T080200Z"]
    desk.complete(first)
    assert ids(jobs) == ["report:20261121T080200Z"]
    assert kinds(jobs) == ["fired", "fired", "skipped", "skipped"]


async def test_overlap_cancel_running(jobs, report, schedulers, travel, counter):
    jobs.schedules.upsert("report", report.draft(), Schedule(Every(minutes=1), overlap="cancel_running"))
    scheduler, desk = await schedulers.of(jobs), counter(jobs)
    travel.by(60)
    await scheduler.tick()
    [first] = desk.claim().jobs
    travel.by(60)
    await scheduler.tick()
    assert jobs.job("default", first.id).info().cancelling
    assert ids(jobs, "blocked") == ["report:20261121T080200Z"]
    # The next slot finds one that runs, and one that has not begun.
    travel.by(60)
    await scheduler.tick()
    assert ids(jobs, "blocked") == ["report:20261121T080300Z"]
    assert ids(jobs, "cancelled") == ["report:20261121T080200Z"]
    desk.complete(first)
    assert ids(jobs) == ["report:20261121T080300Z"]


async def test_pause_resume_trigger_and_remove(jobs, report, schedulers, travel):
    jobs.schedules.upsert("report", report.draft(), Every(minutes=1))
    scheduler = await schedulers.of(jobs)
    assert jobs.schedules.pause("report")
    assert not jobs.schedules.pause("report")
    assert jobs.schedules.get("report").next_at is None
    travel.by(600)
    await scheduler.tick()
    handle = jobs.schedules.trigger("report")
    assert ids(jobs) == [handle.id]
    assert (handle.info().schedule, handle.info().slot) == ("report", None)
    # What would have fired during the pause is not made up for.
    assert jobs.schedules.resume("report")
    assert not jobs.schedules.resume("report")
    await scheduler.tick()
    assert len(ids(jobs)) == 1
    travel.by(60)
    await scheduler.tick()
    assert kinds(jobs) == ["triggered", "fired"]
    jobs.schedules.remove("report")
    assert jobs.schedules.list() == ()
    assert len(ids(jobs)) == 2
    for method in (jobs.schedules.get, jobs.schedules.pause, jobs.schedules.trigger, jobs.schedules.remove):
        with pytest.raises(ScheduleNotFound, match="there is no schedule 'report'"):
            method("report")


async def test_backfill_starts_the_slots_of_the_past_that_have_no_job(jobs, report, schedulers, travel):
    jobs.schedules.upsert("report", report.draft(), Every(minutes=10))
    scheduler = await schedulers.of(jobs)
    travel.by(600)
    await scheduler.tick()
    handles = jobs.schedules.backfill("report", at("07:40"), at("08:10"))
    assert [handle.id for handle in handles] == [f"report:20261121T{time}00Z" for time in ("0740", "0750", "0800")]
    assert handles[0].info().slot == at("07:40")
    assert jobs.schedules.backfill("report", at("07:40"), at("08:10")) == []
    assert kinds(jobs) == ["fired", "backfilled", "backfilled", "backfilled"]
    # Slots of the future are left to their time.
    assert [handle.id for handle in jobs.schedules.backfill("report", at("08:10"), at("09:00"))] == []
    with pytest.raises(InvalidOption, match="more than 10,000 slots"):
        jobs.schedules.backfill("report", at("08:00") - timedelta(days=365), at("08:10"))
    with pytest.raises(InvalidOption, match="start= of backfill"):
        jobs.schedules.backfill("report", datetime(2026, 1, 1), at("08:10"))  # noqa: DTZ001  # that is the mistake


async def test_a_queue_without_room_gets_its_slot_later(jobs, report, schedulers, travel, caplog):
    jobs.limits("default", Limits(max_size=1))
    other = report.enqueue()
    jobs.schedules.upsert("report", report.draft(), Every(minutes=1))
    scheduler = await schedulers.of(jobs)
    travel.by(60)
    assert await scheduler.tick() == scheduler_module.AGAIN
    assert "queue default is full: the slot of schedule report is tried again" in caplog.text
    with pytest.raises(QueueFull):
        jobs.schedules.trigger("report")
    other.cancel()
    travel.by(1)
    await scheduler.tick()
    assert ids(jobs) == ["report:20261121T080100Z"]


@pytest.mark.parametrize("overlap", ["skip", "queue_one", "cancel_running"])
async def test_a_job_that_runs_for_longer_than_the_history_is_long_is_not_overlapped(
    jobs, report, schedulers, travel, counter, overlap
):
    jobs.schedules.upsert("report", report.draft(), Schedule(Every(minutes=1), overlap=overlap))
    scheduler, desk = await schedulers.of(jobs), counter(jobs)
    travel.by(60)
    await scheduler.tick()
    [first] = desk.claim().jobs
    for _ in range(60):
        travel.by(60)
        await scheduler.tick()
        assert ids(jobs) == [], "it would start beside the first"
    desk.complete(first)
    assert len(ids(jobs)) == (0 if overlap == "skip" else 1)


async def test_no_job_is_called_off_for_a_slot_that_has_no_room(jobs, report, schedulers, travel, counter):
    jobs.schedules.upsert("report", report.draft(), Schedule(Every(minutes=1), overlap="cancel_running"))
    scheduler, desk = await schedulers.of(jobs), counter(jobs)
    travel.by(60)
    await scheduler.tick()
    [first] = desk.claim().jobs
    report.enqueue()
    jobs.queue("default").limit(max_size=1)
    travel.by(60)
    await scheduler.tick()
    assert not jobs.job("default", first.id).info().cancelling


async def test_many_that_cannot_go_on_keep_nobody_from_its_slot(jobs, report, schedulers, travel, caplog):
    jobs.limits("default", each_key=Limits(max_size=1))
    report.using(key="full").enqueue()
    client = jobs.connections.sync_client()
    for number in range(25):
        jobs.schedules.upsert(f"a{number:02}", report.using(key="full").draft(), Every(minutes=1))
        jobs.schedules.upsert(f"b{number:02}", report.draft(), Every(minutes=1))
        client.redis.hset(jobs.keys("default")["schedules"], f"b{number:02}", '{"lunar":1}')
    jobs.schedules.upsert("report", report.draft(), Every(minutes=1))
    scheduler = await schedulers.of(jobs)
    for count in (1, 2):
        travel.by(60)
        assert await scheduler.tick() == pytest.approx(scheduler_module.AGAIN, abs=0.5)
        assert len([job for job in ids(jobs) if job.startswith("report:")]) == count
    assert caplog.text.count("is tried again") == 25


async def test_a_schedule_that_cannot_be_read_is_shown_paused_and_removed(jobs, report, schedulers):
    jobs.schedules.upsert("report", report.draft(), Every(minutes=1))
    client = jobs.connections.sync_client()
    client.redis.hset(jobs.keys("default")["schedules"], "report", MARTIAN)
    [info] = jobs.schedules.list()
    assert "Mars/Base" in info.problem
    with pytest.raises(InvalidOption, match="schedule 'report' cannot be understood here: there is no time zone"):
        jobs.schedules.trigger("report")
    assert jobs.schedules.pause("report")
    jobs.schedules.remove("report")
    assert jobs.schedules.list() == ()


async def test_what_has_ended_begins_anew_when_its_times_change(jobs, report, schedulers, travel):
    scheduler = await schedulers.of(jobs)
    for minutes in (1, 2):
        jobs.schedules.upsert("report", report.draft(), Schedule(Every(minutes=minutes), limit=2))
        for _ in range(6):
            travel.by(60)
            await scheduler.tick()
        assert jobs.schedules.get("report").state == "ended"
        assert len(ids(jobs)) == 2 * minutes


async def test_a_paused_schedule_that_moves_to_another_queue_stays_paused(jobs, report, schedulers):
    jobs.schedules.upsert("report", report.draft(), Every(minutes=1))
    jobs.schedules.pause("report")
    assert jobs.schedules.upsert("report", report.using(queue="mail").draft(), Every(minutes=1)).state == "paused"


# -- declared in code --------------------------------------------------------------------------------------------------


def application(server, travel, **schedules):
    """Return an application as one version of its code would define it."""
    jobs = JobQueue("memory://", now=travel)
    jobs.connections._server = server
    for name, schedule in schedules.items():

        def task(tenant: str = "all") -> None:
            pass

        task.__name__ = name
        jobs.task(schedule=schedule)(task)
    return jobs


async def test_schedules_of_tasks(jobs, server, travel, schedulers):
    several = [Every(minutes=1), Schedule(Every(minutes=2), id="report-acme", args={"tenant": "acme"})]
    code = application(server, travel, report=several)
    scheduler = await schedulers.of(code)
    await scheduler.tick()
    assert [(info.id, info.source, info.args) for info in jobs.schedules.list()] == [
        ("report", "code", {}),
        ("report-acme", "code", {"tenant": "acme"}),
    ]
    travel.by(120)
    await scheduler.tick()
    assert sorted(ids(jobs)) == ["report-acme:20261121T080200Z", "report:20261121T080200Z"]
    code.close()


async def test_a_schedule_in_code_is_changed_in_code(jobs, server, travel, schedulers, report):
    code = application(server, travel, report=Every(minutes=1))
    await (await schedulers.of(code)).tick()
    with pytest.raises(ScheduleConflict, match="'report' is declared in the code of an application: change it there"):
        jobs.schedules.upsert("report", report.draft(), Every(minutes=5))
    with pytest.raises(ScheduleConflict):
        jobs.schedules.upsert("report", report.using(queue="mail").draft(), Every(minutes=5))
    with pytest.raises(ScheduleConflict):
        jobs.schedules.remove("report")
    # It can be paused, and a deployment leaves it so.
    jobs.schedules.pause("report")
    await (await schedulers.of(code, "w2")).tick()
    assert jobs.schedules.get("report").state == "paused"
    assert jobs.schedules.get("report").schedule == Schedule(Every(minutes=1))
    code.close()


async def test_a_schedule_that_vanishes_from_the_code_is_retired_when_the_last_old_worker_has_gone(
    jobs, server, travel, schedulers, monkeypatch, caplog
):
    monkeypatch.setattr(scheduler_module, "TELL_EVERY", 0.0)
    caplog.set_level("INFO")
    old = application(server, travel, report=Every(minutes=1), cleanup=Every(minutes=1))
    new = application(server, travel, report=Every(minutes=1))
    before, after = await schedulers.of(old, "old"), await schedulers.of(new, "new")
    await before.tick()
    await after.tick()
    travel.by(60)
    await after.tick()
    assert sorted(ids(jobs)) == ["cleanup:20261121T080100Z", "report:20261121T080100Z"]  # a rolling deployment
    await leave(jobs, "old")
    await after.tick()
    assert {info.id: info.state for info in jobs.schedules.list()} == {"report": "active", "cleanup": "retired"}
    assert "schedule cleanup is retired" in caplog.text
    travel.by(600)
    await after.tick()
    assert len(ids(jobs)) == 3
    # It comes back with the code, where it was.
    await (await schedulers.of(old, "older")).tick()
    assert {info.id: info.state for info in jobs.schedules.list()} == {"report": "active", "cleanup": "active"}
    assert "cleanup:20261121T081100Z" in ids(jobs)
    await leave(jobs, "older")
    await after.tick()
    jobs.schedules.remove("cleanup")
    assert [info.id for info in jobs.schedules.list()] == ["report"]
    old.close()
    new.close()


async def test_a_task_that_moves_to_another_queue(jobs, server, travel, schedulers):
    def code(queue):
        found = application(server, travel)

        @found.task(queue=queue, schedule=Every(minutes=1))
        def report() -> None: ...

        return found

    old, new = code("first"), code("second")
    await (await schedulers.of(old, "old", "first")).tick()
    await (await schedulers.of(new, "new", "second")).tick()
    with pytest.raises(ScheduleConflict, match="queues first and second have a schedule 'report' each: name the queue"):
        jobs.schedules.pause("report")
    assert jobs.schedules.pause("report", queue="first")
    await leave(jobs, "old", "first")
    await (await schedulers.of(new, "newer", "second")).tick()
    assert {info.queue: info.state for info in jobs.schedules.list()} == {"first": "retired", "second": "active"}
    assert jobs.schedules.get("report").queue == "second"
    jobs.schedules.remove("report", queue="first")
    assert [info.queue for info in jobs.schedules.list()] == ["second"]
    old.close()
    new.close()


async def test_an_old_worker_that_comes_back_changes_nothing_while_a_new_one_lives(jobs, server, travel, schedulers):
    old, new = (application(server, travel, report=Every(minutes=minutes)) for minutes in (1, 2))
    before = await schedulers.of(old, "old")
    await before.tick()
    await (await schedulers.of(new, "new")).tick()
    assert jobs.schedules.get("report").schedule == Schedule(Every(minutes=2))
    await leave(jobs, "old")
    await jobs.connections.arun(register(jobs.keys("default"), "old2", 3600.0, {}))
    before._worker = lambda: "old2"  # its lease was lost
    await before.tick()
    assert jobs.schedules.get("report").schedule == Schedule(Every(minutes=2))
    await leave(jobs, "new")
    before._tell_at = 0.0
    await before.tick()
    assert jobs.schedules.get("report").schedule == Schedule(Every(minutes=1))
    old.close()
    new.close()


async def leave(jobs, worker, queue="default"):
    """Let a worker leave its queue."""
    await jobs.connections.arun(reap(jobs.keys(queue), worker, Interrupted("gone"), force=True))


async def test_what_a_newer_version_has_written_is_left_alone(jobs, report, schedulers, travel, caplog):
    jobs.schedules.upsert("report", report.draft(), Every(minutes=1))
    client = jobs.connections.sync_client()
    client.redis.hset(jobs.keys("default")["schedules"], "report", '{"lunar":1}')
    jobs.schedules.upsert("other", report.draft(), Every(minutes=1))
    travel.by(60)
    scheduler = await schedulers.of(jobs)
    await scheduler.tick()
    await scheduler.tick()
    assert ids(jobs) == ["other:20261121T080100Z"]
    assert caplog.text.count("schedule report is left to other workers") == 1


# -- mistakes ----------------------------------------------------------------------------------------------------------


def test_mistakes_are_refused_before_anything_is_sent(jobs, report):
    put = jobs.schedules.upsert
    other = report.enqueue()
    for draft, message in [
        (report.using(id="x").draft(), "cannot have an id"),
        (report.using(delay=5).draft(), "cannot have a time"),
        (report.using(after=other).draft(), "cannot have dependencies"),
    ]:
        with pytest.raises(InvalidOption, match=message):
            put("report", draft, Every(minutes=1))
    for draft, when, message in [
        (
            report.using(dedup=Dedup()).draft(),
            Schedule(Every(minutes=1), overlap="skip"),
            "a deduplication beside a rule",
        ),
        (report.using(expires=5).draft(), Schedule(Every(minutes=1), jitter=5), "an expiry within the jitter"),
        (report.draft(), Schedule(Every(minutes=1), end=datetime(2020, 1, 1, tzinfo=UTC)), "has no slot any more"),
    ]:
        with pytest.raises(InvalidOption, match=message):
            put("report", draft, when)
    for when, message in [
        ("0 9 * * *", r"must be Cron\(...\), Every\(...\) or Schedule\(...\), not '0 9"),
        (60, "not 60"),
    ]:
        with pytest.raises(InvalidOption, match=message):
            put("report", report.draft(), when)
    with pytest.raises(InvalidOption, match="at most 100 characters"):
        put("x" * 101, report.draft(), Every(minutes=1))

    @jobs.task(aggregate=Aggregate("items", size=5, quiet=1))
    def gather(items: list[str]) -> None:
        pass

    with pytest.raises(InvalidOption, match="a task that gathers"):
        put("report", gather.draft(["a"]), Every(minutes=1))
    assert jobs.schedules.list() == ()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Every, "between 0.1 seconds and 10 years, not 0 seconds"),
        (lambda: Every(seconds="5"), "seconds= of Every must be a number, not '5'"),
        (lambda: Schedule(60), "a schedule is Cron"),
        (
            lambda: Schedule(Every(minutes=1), missed=0),
            "missed must be 'skip', 'last' or a number from 1 to 1000, not 0",
        ),
        (lambda: Schedule(Every(minutes=1), missed=True), "missed must be"),
        (lambda: Schedule(Every(minutes=1), overlap="queue"), "overlap must be one of allow, skip"),
        (lambda: Schedule(Every(minutes=1), limit=0), "limit= of a schedule must be a whole number from 1, not 0"),
        (lambda: Schedule(Every(minutes=1), start=datetime(2026, 1, 1)), "has no time zone"),  # noqa: DTZ001
        (lambda: Schedule(Every(minutes=1), start=at("09:00"), end=at("08:00")), "is before its start"),
        (lambda: Schedule(Every(minutes=1), jitter=-1), "jitter= of a schedule must be between 0"),
        (lambda: Schedule(Every(minutes=1), args=["acme"]), "args= of a schedule must be a mapping"),
    ],
)
def test_schedules_that_cannot_work(make, message):
    with pytest.raises(InvalidOption, match=message):
        make()


def test_the_schedules_of_a_task_are_checked(jobs):
    with pytest.raises(InvalidOption, match="need ids of their own"):
        jobs.task(schedule=[Every(minutes=1), Every(minutes=2)])(lambda_task("twice"))
    with pytest.raises(InvalidOption, match="a schedule must be Cron"):
        jobs.task(schedule="0 9 * * *")(lambda_task("text"))
    jobs.task(schedule=Schedule(Every(minutes=1), args={"tenat": "acme"}))(lambda_task("wrong"))
    with pytest.raises(InvalidArguments, match="tenat"):
        jobs.scheduled(jobs.keys("default"))


def test_options_of_the_schedules_of_a_task(jobs):
    jobs.task(schedule=Schedule(Every(minutes=1), options={"prioritty": 1}))(lambda_task("wrong"))
    with pytest.raises(UnknownOption, match="priority"):
        jobs.scheduled(jobs.keys("default"))


def test_two_tasks_with_one_schedule(jobs):
    for name in ("first", "second"):
        jobs.task(schedule=Schedule(Every(minutes=1), id="same"))(lambda_task(name))
    with pytest.raises(InvalidOption, match="tasks 'first' and 'second' have a schedule 'same' each"):
        jobs.scheduled(jobs.keys("default"))


def lambda_task(name):
    """Return a function of a name."""

    def task(tenant: str = "all") -> None:
        pass

    task.__name__ = name
    return task


async def test_the_face_for_asyncio(jobs, report, schedulers):
    face = jobs.schedules
    assert (await face.aupsert("report", report.draft(), Every(minutes=10))).state == "active"
    assert [info.id for info in await face.alist()] == ["report"]
    assert await face.apause("report")
    assert (await face.aget("report")).state == "paused"
    assert await face.aresume("report")
    assert (await (await face.atrigger("report")).ainfo()).state is JobState.WAITING
    assert len(await face.abackfill("report", at("07:00"), at("07:30"))) == 4
    await face.aremove("report")
    assert await face.alist() == ()
