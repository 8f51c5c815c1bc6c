"""Old and new versions of an application share a queue while they are being deployed."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from waiting import await_until
from working import worker_of

from jobqueue import Cancel, JobQueue, JobState, current_job
from jobqueue.store.call import run_command
from jobqueue.worker import Worker
from jobqueue.worker.unparker import Unparker


@pytest.fixture
async def deploy(jobs):
    """Return what makes another version of the application, on the same server."""
    made = [jobs]

    def make() -> JobQueue:
        version = JobQueue("memory://", now=jobs.connections.now)
        version.connections._server = jobs.connections.server
        made.append(version)
        return version

    yield make
    for version in made:
        await version.aclose()


@pytest.fixture
def old(deploy):
    """Return the application as it was."""
    application = deploy()

    @application.task
    async def send(to: str) -> str:
        return f"old: {to}"

    return application


@pytest.fixture
def new(deploy):
    """Return the application as it is now."""
    application = deploy()

    @application.task(version=2)
    async def send(to: list[str]) -> str:
        return f"new: {to}"

    @send.upcast(1)
    def several(args):
        return {"to": [args["to"]]}

    return application


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    """Let workers look for parked jobs often."""
    monkeypatch.setattr("jobqueue.worker.unparker.EVERY", 0.05)


async def parked(handle):
    return (await handle.ainfo()).parked


async def test_old_jobs_run_on_both(old, new):
    for application, result in ((old, "old: a@b.c"), (new, "new: ['a@b.c']")):
        handle = await old.get("send").aenqueue("a@b.c")
        async with worker_of(application):
            assert await handle.aresult(10) == result


async def test_new_jobs_run_on_the_new_only_and_are_parked_visibly_in_between(old, new):
    handle = await new.get("send").aenqueue(["a@b.c"])
    async with worker_of(old):
        reason = await await_until(lambda: parked(handle), "it is parked")
        assert reason == "it needs version 2 of task 'send', and version 1 is known here"
        info = await old.queue("default").ainfo()
        assert (info.parked, info.counts[JobState.WAITING]) == (1, 1)
        [listed] = [job async for job in old.queue("default").ajobs("parked")]
        assert (listed.id, listed.version, listed.state) == (handle.id, 2, JobState.WAITING)
        # The new one comes beside it.
        async with worker_of(new):
            assert await handle.aresult(10) == "new: ['a@b.c']"
        info = await handle.ainfo()
        assert (info.counts, info.parked, info.version) == ((0, 0, 0, 0, 0), "", 2)


async def test_two_versions_side_by_side_run_all_jobs(old, new):
    async with AsyncExitStack() as stack:
        for application in (old, new):
            await stack.enter_async_context(worker_of(application, queues=["default"]))
        for round_ in range(3):
            olds = await old.aenqueue_many(old.get("send").draft(f"{round_}.{n}") for n in range(50))
            news = await new.aenqueue_many(new.get("send").draft([f"{round_}.{n}"]) for n in range(50))
            assert await new.aresults(news, 20) == [f"new: ['{round_}.{n}']" for n in range(50)]
            for n, result in enumerate(await old.aresults(olds, 20)):
                assert result in (f"old: {round_}.{n}", f"new: ['{round_}.{n}']")
        assert (await old.queue("default").ainfo()).parked == 0


async def test_a_new_job_finds_the_one_new_worker_among_many_old_ones(old, new, deploy, monkeypatch):
    """It is not put into the line, where the old ones would be quicker."""
    parkings = []
    monkeypatch.setattr("jobqueue.worker.log.WorkerLog.parked", lambda self, *about: parkings.append(about))
    async with AsyncExitStack() as stack:
        for _ in range(5):
            another = deploy()
            another.add(another.task(name="send")(old.get("send").function))
            await stack.enter_async_context(worker_of(another))
        handles = await new.aenqueue_many(new.get("send").draft([str(n)]) for n in range(30))
        await await_until(lambda: len(parkings) == 30, "all are parked")
        await stack.enter_async_context(worker_of(new))
        assert await new.aresults(handles, 20) == [f"new: ['{n}']" for n in range(30)]
        assert len(parkings) == 30


async def test_a_worker_that_is_busy_lets_others_have_them(old, new, deploy):
    """Those that are parked go to the line when no slot is free for long."""
    gate = asyncio.Event()
    idle = deploy()
    for application in (new, idle):

        @application.task(version=2)
        async def block() -> None:
            await gate.wait()

    async with worker_of(new, concurrency=1, queues=["default"]):
        blocked = await new.get("block").aenqueue()
        await await_until(lambda: _is(blocked, JobState.ACTIVE), "it runs")
        async with worker_of(old):
            waiting = await new.get("block").aenqueue()
            await await_until(lambda: parked(waiting), "it is parked")
        async with worker_of(idle):
            await await_until(lambda: _is(waiting, JobState.ACTIVE), "it runs elsewhere")
            gate.set()
            await waiting.aresult(10)
            await blocked.aresult(10)


async def _is(handle, state):
    return await handle.astate() is state


async def test_jobs_of_a_newer_version_do_not_go_round_among_those_who_do_not_know_it(old, new, deploy, monkeypatch):
    parkings = []
    monkeypatch.setattr("jobqueue.worker.log.WorkerLog.parked", lambda self, *about: parkings.append(about))
    newest = deploy()

    @newest.task(version=3)
    async def send(to: list[str], urgent: bool) -> str:
        return f"newest: {to} {urgent}"

    handle = await send.aenqueue(["a@b.c"], True)
    looks = []
    tick = Unparker.tick

    async def counted(self):
        looks.append(self)
        return await tick(self)

    monkeypatch.setattr(Unparker, "tick", counted)
    async with worker_of(old), worker_of(new):
        await await_until(lambda: parked(handle), "it is parked")
        seen = len(looks)
        await await_until(lambda: len(looks) > seen + 6, "both have looked for what is parked")
        assert len(parkings) == 1
        async with worker_of(newest):
            assert await handle.aresult(10) == "newest: ['a@b.c'] True"


async def test_nothing_is_handed_out_while_the_queue_is_paused(old, new):
    handle = await new.get("send").aenqueue(["a@b.c"])
    async with worker_of(old):
        await await_until(lambda: parked(handle), "it is parked")
    await new.queue("default").apause()
    async with worker_of(new, concurrency=1):
        later = await new.get("send").aenqueue(["later"])
        await await_until(lambda: _nothing_starts(new, handle), "it still waits")
        await new.queue("default").aresume()
        assert await handle.aresult(10) == "new: ['a@b.c']"
        assert await later.aresult(10) == "new: ['later']"


async def _nothing_starts(application, handle):
    info = await application.queue("default").ainfo()
    return len(info.workers) == 1 and await handle.astate() is JobState.WAITING


async def test_a_rename_is_deployed(old, deploy):
    renamed = deploy()

    @renamed.task(name="mail.send", aliases=["send"])
    async def send(to: str) -> str:
        return f"{current_job().task}: {to}"

    async with worker_of(old), worker_of(renamed):
        before = await old.aenqueue_many(old.get("send").draft(str(n)) for n in range(20))
        for n, result in enumerate(await old.aresults(before, 10)):
            assert result in (f"old: {n}", f"mail.send: {n}")
        after = await renamed.aenqueue_many(send.draft(str(n)) for n in range(20))
        assert await renamed.aresults(after, 10) == [f"mail.send: {n}" for n in range(20)]


async def test_old_workers_run_what_is_enqueued_under_the_old_name(old, deploy):
    renamed = deploy()

    @renamed.task(name="mail.send", aliases=["send"])
    async def send(to: str) -> str:
        return f"{current_job().task}: {to}"

    handle = await renamed.queue("default").aenqueue("send", {"to": "a@b.c"})
    async with worker_of(old):
        assert await handle.aresult(10) == "old: a@b.c"
        [worker] = (await old.queue("default").ainfo()).workers
        assert worker.tasks == ("send",)
    async with worker_of(renamed):
        handle = await renamed.queue("default").aenqueue("send", {"to": "a@b.c"})
        assert await handle.aresult(10) == "mail.send: a@b.c"
        [worker] = (await renamed.queue("default").ainfo()).workers
        assert worker.tasks == ("mail.send", "send")


async def test_what_was_parked_under_the_old_name_runs_under_the_new(jobs, deploy):
    handle = await jobs.queue("default").aenqueue("send", {"to": "a@b.c"})
    async with worker_of(jobs):
        await await_until(lambda: parked(handle), "it is parked")
    renamed = deploy()

    @renamed.task(name="mail.send", aliases=["send"])
    async def send(to: str) -> str:
        return to

    async with worker_of(renamed):
        assert await handle.aresult(10) == "a@b.c"


async def test_an_unreadable_job_under_an_old_name_returns_to_who_knows_that_name(old, deploy):
    renamed = deploy()

    @renamed.task(name="mail.send", aliases=["send"])
    async def send(addresses: list[str]) -> None: ...

    handle = await old.get("send").aenqueue("a@b.c")
    async with worker_of(renamed):
        assert "'addresses' is missing" in await await_until(lambda: parked(handle), "it is parked")
    async with worker_of(old):
        assert await handle.aresult(10) == "old: a@b.c"


async def test_older_jobs_go_through_all_upcasters(deploy):
    newest = deploy()

    @newest.task(name="send", version=4)
    async def send(to: list[str], subject: str = "") -> str:
        return f"{to} {subject}"

    @send.upcast(1)
    def first(args):
        return {"address": args["to"]}

    @send.upcast(2)
    def second(args):
        return {"to": [args["address"]]}

    async with worker_of(newest):
        for text, result in [
            (b'{"at":1,"task":"send","args":{"to":"a@b.c"}}', "['a@b.c'] "),
            (b'{"at":1,"task":"send","args":{"to":"a@b.c"},"version":1}', "['a@b.c'] "),
            (b'{"at":1,"task":"send","args":{"address":"a@b.c"},"version":2}', "['a@b.c'] "),
            (b'{"at":1,"task":"send","args":{"to":["a@b.c"],"subject":"x"},"version":3}', "['a@b.c'] x"),
            (b'{"at":1,"task":"send","args":{"to":["a@b.c"],"subject":"x"},"version":4}', "['a@b.c'] x"),
        ]:
            handle = await write(newest, text)
            assert await handle.aresult(10) == result


async def write(application, text):
    """Put a job into the queue as another program, or an older one, has written it."""
    handle = await application.get("send").using(delay=600).aenqueue([])
    keys = application.keys("default")
    await application.connections.arun(run_command("HSET", keys["jobs"], handle.id, text, read=int, repeatable=True))
    await application.connections.arun(run_command("ZREM", keys["delayed"], handle.id, read=int, repeatable=True))
    await application.connections.arun(run_command("LPUSH", keys["wait"], handle.id, read=int, repeatable=True))
    return handle


@pytest.mark.parametrize(
    ("raised", "reason"),
    [
        (ValueError("no @ in it"), "raised ValueError: no @ in it"),
        (Cancel("no more of these"), "raised Cancel: no more of these"),
        (None, "returned a NoneType, not a dict of arguments by name"),
    ],
)
async def test_a_job_that_an_upcaster_cannot_read_waits_for_another(old, deploy, raised, reason):
    broken, mended = deploy(), deploy()

    @broken.task(version=2)
    async def send(to: list[str]) -> str:
        return f"new: {to}"

    @send.upcast(1)
    def several(args):
        if raised is not None:
            raise raised

    @mended.task(name="send", version=2)
    async def send_again(to: list[str]) -> str:
        return f"mended: {to}"

    @send_again.upcast(1)
    def several_again(args):
        return {"to": [args["to"]]}

    handle = await old.get("send").aenqueue("a@b.c")
    async with worker_of(broken):
        said = await await_until(lambda: parked(handle), "it is parked")
        assert "several, the upcaster of task 'send' from version 1, " in said
        assert said.endswith(reason)
        # It harms nobody, and does not go round.
        assert await (await send.aenqueue(["x"])).aresult(10) == "new: ['x']"
        assert await parked(handle)
    async with worker_of(mended):
        assert await handle.aresult(10) == "mended: ['a@b.c']"


async def test_an_older_job_without_an_upcaster_is_parked_if_it_cannot_be_read(old, deploy):
    newer = deploy()

    @newer.task(name="send", version=3)
    async def send(addresses: list[str]) -> str:
        return str(addresses)

    handle = await old.get("send").aenqueue("a@b.c")
    async with worker_of(newer):
        assert "argument 'addresses' is missing" in await await_until(lambda: parked(handle), "it is parked")
    with_upcaster = deploy()
    again = with_upcaster.task(name="send", version=3)(send.function)
    again.upcast(2)(lambda args: {"addresses": [args["to"]]})
    # The signature is the same, and what reads older jobs is not.
    assert again.signature.fingerprint == send.signature.fingerprint
    async with worker_of(with_upcaster):
        assert await handle.aresult(10) == "['a@b.c']"


async def test_a_worker_that_stops_takes_no_more_parked_jobs(old, new, monkeypatch):
    gate, looks = asyncio.Event(), []
    tick = Unparker.tick

    async def counted(self):
        looks.append(self)
        return await tick(self)

    monkeypatch.setattr(Unparker, "tick", counted)

    @new.task(version=2)
    async def block() -> None:
        await gate.wait()

    worker = Worker(new, concurrency=5, shutdown_timeout=10)
    running = asyncio.create_task(worker.arun())
    blocked = await new.get("block").aenqueue()
    await await_until(lambda: _is(blocked, JobState.ACTIVE), "it runs")
    worker.stop()
    async with worker_of(old):
        handle = await new.get("send").aenqueue(["a@b.c"])
        await await_until(lambda: parked(handle), "it is parked")
        seen = len(looks)
        await await_until(lambda: len(looks) > seen + 6, "both have looked for what is parked")
        assert await parked(handle)
    gate.set()
    await running
    assert await parked(handle)
    assert await blocked.astate() is JobState.COMPLETED
