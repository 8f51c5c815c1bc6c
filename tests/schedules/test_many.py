"""Many schedulers at once, some of which die: each slot fires once."""

import asyncio
import random
from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from schedules.conftest import START

from jobqueue import Cron, Every, Schedule
from jobqueue.schedule import GRACE, plan, slot_id
from jobqueue.store import schedules as stored_schedules
from jobqueue.store.server import server_at
from jobqueue.worker import scheduler as scheduling


@pytest.fixture
def server(real_server):
    """Return one real server: what is shown does not depend on its kind."""
    return server_at(real_server.url)


async def test_each_slot_fires_once_with_ten_schedulers_of_which_one_dies_every_second(jobs, schedulers, travel):
    draw = random.Random(7)

    @jobs.task
    def beat() -> None:
        pass

    jobs.schedules.upsert("beat", beat.draft(), Every(seconds=1))
    crew = [await schedulers.of(jobs, f"w{number}") for number in range(10)]
    for second in range(600):
        travel.by(1)
        ticks = [asyncio.create_task(scheduler.tick()) for scheduler in crew]
        # One dies, before, while or after it fires: what it has sent may have been executed or not.
        victim = draw.randrange(10)
        for _ in range(draw.randrange(40)):
            await asyncio.sleep(0)
        ticks[victim].cancel()
        await asyncio.gather(*ticks, return_exceptions=True)
        await schedulers.clients[victim].close()
        crew[victim] = await schedulers.of(jobs, f"w{second + 10}")
        schedulers.clients[victim] = schedulers.clients.pop()
    fired = [job.id for job in jobs.queue("default").jobs("waiting")]
    assert fired == [slot_id("beat", START + timedelta(seconds=second)) for second in range(1, 601)]
    assert jobs.schedules.get("beat").fired == 600


async def test_schedules_behind_many_that_nobody_can_read_fire_and_no_scheduler_spins(
    jobs, schedulers, travel, monkeypatch, caplog
):
    for module in (scheduling, stored_schedules):
        monkeypatch.setattr(module, "BATCH", 5)
    monkeypatch.setattr(scheduling, "MOST_PAGES", 4)
    redis, keys = jobs.connections.sync_client().redis, jobs.keys("default")

    @jobs.task
    def beat() -> None: ...

    def unreadable(number: int) -> str:
        name = f"a{number:03}"
        redis.hset(keys["schedules"], name, b'{"newer":true}')
        redis.hset(keys["firings"], name, head if number % 7 else head.replace(b"active", b"paused"))
        redis.zadd(keys["upcoming"], {name: 1})
        return name

    def calls() -> int:
        return redis.info("commandstats")["cmdstat_evalsha"]["calls"]

    def fired() -> int:
        return jobs.schedules.get("beat").fired

    async def tick() -> None:
        before = redis.hlen(keys["jobs"])
        wait = await scheduler.tick()
        assert wait > 0 or redis.hlen(keys["jobs"]) > before

    async def fires() -> None:
        travel.by(1)
        before = fired()
        for _ in range(12):
            if fired() > before:
                return
            await tick()
        raise AssertionError("it did not fire")

    jobs.schedules.upsert("beat", beat.draft(), Every(seconds=1))
    scheduler = await schedulers.of(jobs)
    await scheduler.tick()
    head = redis.hget(keys["firings"], "beat")
    names = [unreadable(number) for number in range(100)]
    await fires()
    assert caplog.text.count("is left to other workers:") == sum(number % 7 > 0 for number in range(100))
    # Now it knows what is in front.
    for _ in range(5):
        travel.by(1)
        before, count = fired(), calls()
        await tick()
        assert (fired(), calls() - count < 5) == (before + 1, True)
    # Those in front become fewer, and more; and a readable one comes in front of them.
    redis.zrem(keys["upcoming"], *names[10:60])
    await fires()
    names += [unreadable(number) for number in range(200, 230)]
    await fires()
    jobs.schedules.upsert("first", beat.draft(), Schedule(Every(seconds=1), missed="last"))
    redis.zadd(keys["upcoming"], {"first": 0})
    await fires()
    await fires()
    assert jobs.schedules.get("first").fired > 0
    for key in ("schedules", "firings"):
        redis.hdel(keys[key], *names)
    redis.zrem(keys["upcoming"], *names)


async def test_a_schedule_whose_state_cannot_be_read_holds_up_no_other(jobs, schedulers, travel):
    redis, keys = jobs.connections.sync_client().redis, jobs.keys("default")

    @jobs.task
    def beat() -> None: ...

    for name in ("bad", "good", "odd", "late"):
        jobs.schedules.upsert(name, beat.draft(), Every(seconds=1))
    scheduler = await schedulers.of(jobs)
    redis.hset(keys["firings"], "bad", b"what?")
    redis.hset(keys["firings"], "odd", b" " + redis.hget(keys["firings"], "odd"))
    redis.zadd(keys["upcoming"], {"bad": 1, b"\xff": 1, "odd": 1, "late": 1})
    travel.by(2)
    for _ in range(4):
        await scheduler.tick()
    assert jobs.schedules.get("good").fired > 0
    assert jobs.schedules.get("late").fired > 0
    assert await scheduler.tick() > 0
    for key in ("schedules", "firings"):
        redis.hdel(keys[key], "bad", "odd")
    redis.zrem(keys["upcoming"], "bad", "odd", b"\xff")


triggers = st.sampled_from(
    [
        *(Every(seconds=seconds) for seconds in (0.5, 1, 7, 60, 3600, 86_400)),
        *(Cron(text, "Europe/Berlin") for text in ("* * * * *", "*/20 * * * * *", "0 9 * * mon", "30 2 * * *")),
    ]
)


@given(
    triggers,
    st.integers(0, 4000),
    st.integers(0, 90_000),
    st.sampled_from(["skip", "last", 1, 3, 50]),
    st.none() | st.integers(1, 5),
    st.integers(0, 5),
)
@example(Every(seconds=1), 0, 0, "last", None, 0)
def test_what_fires_after_a_time_that_nobody_was_there(trigger, start, away, missed, limit, fired):
    since = START + timedelta(seconds=start)
    now = since + timedelta(seconds=away)
    schedule = Schedule(trigger, missed=missed, limit=limit)
    what = plan(schedule, since, fired, now)
    # Slow, and simple: all slots one by one.
    slots, slot = [], schedule.slot_after(since)
    while slot is not None and slot <= now:
        slots.append(slot)
        slot = schedule.slot_after(slot)
    expected = slots[-(missed if isinstance(missed, int) else 1) :]
    if missed == "skip":
        expected = [each for each in expected if (now - each).total_seconds() <= GRACE]
    if limit is not None and fired >= limit:
        assert what == ([], None, None)
        return
    assert what.missed == (slots[0] if slots and slots[0] not in expected else None)
    assert what.slots == (expected if limit is None else expected[: limit - fired])
    assert what.next == slot
