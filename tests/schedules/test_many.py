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
from jobqueue.store.server import server_at


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
