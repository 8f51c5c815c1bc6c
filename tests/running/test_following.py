"""Following what happens: all of it, once, in all queues, also when the server goes away meanwhile."""

import asyncio
import threading
from contextlib import aclosing, closing

import pytest
from waiting import await_until, wait_until

from jobqueue import InvalidOption, JobQueue, ServerUnavailable


def is_followed(jobs, queue):
    return jobs.connections.sync_client().redis.hexists(jobs.keys(queue)["meta"], "events")


async def test_what_happens_is_told_in_its_order(jobs, working):
    @jobs.task
    async def work(n: int) -> None:
        if n:
            raise ValueError

    work.using(id="early").enqueue(0)
    found = []

    async def follow():
        async with aclosing(jobs.inspect.aevents(follow=True)) as events:
            async for event in events:
                found.append((event.type.value, event.job_id))
                if event.type == "failed":
                    return

    following = asyncio.create_task(follow())
    await await_until(lambda: is_followed(jobs, "default"), "it follows")
    async with working():
        handle = await work.using(id="late", retry=1).aenqueue(1)
        await await_until(lambda: handle.info().state.ended, "it has ended")
        await asyncio.wait_for(following, 10)
        [name] = [info.id for info in (await jobs.queue("default").ainfo()).workers]
    assert [kind for kind, job in found if job == "late"] == ["enqueued", "started", "failed"]
    assert [kind for kind, job in found if job == "early"] == ["started", "completed"]
    kept = [event async for event in jobs.inspect.aevents(types=["completed"])]
    assert [(event.queue, event.job_id, event.worker) for event in kept] == [("default", "early", name)]
    await jobs.aclose()


def test_new_queues_are_followed_too(jobs):
    found = []

    def follow():
        with closing(jobs.inspect.events(types=["enqueued"], follow=True)) as events:
            for event in events:
                found.append((event.queue, event.job_id))
                if len(found) == 2:
                    return

    thread = threading.Thread(target=follow)
    thread.start()
    mail = jobs.queue("mail")
    mail.enqueue("send", {}, id="too-early")
    wait_until(lambda: is_followed(jobs, "mail"), "the new queue is followed")
    mail.enqueue("send", {}, id="a")
    mail.enqueue("send", {}, id="b")
    thread.join(10)
    assert found == [("mail", "a"), ("mail", "b")]


def test_following_ends_in_time_and_others_are_left_out(jobs):
    jobs.queue("mail").enqueue("send", {})
    jobs.queue("parcels").enqueue("pack", {})
    assert list(jobs.inspect.events(["mail"], follow=True, timeout=0.05)) == []
    assert is_followed(jobs, "mail")
    assert not is_followed(jobs, "parcels")


def test_what_is_kept_of_all_queues_is_in_the_order_of_its_time(jobs):
    for queue in ("mail", "parcels", "mail"):
        jobs.queue(queue).keep_events()
        jobs.queue(queue).enqueue("send", {}, id=f"{queue}{len(list(jobs.inspect.events()))}")
        jobs.connections.sync_client().redis.ping()
    jobs.queue("mail").keep_events(False)
    jobs.queue("mail").enqueue("send", {})
    found = list(jobs.inspect.events())
    assert [event.at for event in found] == sorted(event.at for event in found)
    assert {event.job_id for event in found} == {"mail0", "parcels1", "mail2"}
    assert len(list(jobs.inspect.events(limit=2))) == 2
    assert list(jobs.inspect.events(["parcels"], types=["failed"])) == []


def test_a_server_that_goes_away_is_waited_for(a_server):
    with a_server("valkey", "--appendonly", "yes") as server:
        jobs = JobQueue(server.url)
        jobs.queue("mail").enqueue("send", {})
        found, trouble = [], []

        def follow():
            with closing(jobs.inspect.events(["mail"], follow=True, trouble=trouble.append)) as events:
                for event in events:
                    found.append(event.job_id)
                    if event.job_id == "after":
                        return

        thread = threading.Thread(target=follow)
        thread.start()
        wait_until(lambda: is_followed(jobs, "mail"), "it follows")
        jobs.queue("mail").enqueue("send", {}, id="before")
        wait_until(lambda: found, "it has seen one")
        server.kill()
        wait_until(lambda: trouble, "it was told")
        server.start()
        jobs.queue("mail").enqueue("send", {}, id="after")
        thread.join(15)
        jobs.close()
    assert found == ["before", "after"]
    assert isinstance(trouble[0], ServerUnavailable)
    assert trouble[-1] is None


def test_a_server_that_is_not_there_at_first_is_an_error(tmp_path):
    jobs = JobQueue(f"unix://{tmp_path}/nowhere.sock")
    with pytest.raises(ServerUnavailable):
        next(jobs.inspect.events(follow=True))


def test_types_that_do_not_exist_are_refused_at_once(jobs):
    with pytest.raises(InvalidOption, match="did you mean 'failed'"):
        jobs.inspect.events(types=["faild"])
