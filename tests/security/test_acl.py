"""The users in ``workers/acl`` may do what they must, and nothing else."""

import ast
import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import redis
from cli.commands import Shell
from cli.test_every_command import COMMANDS
from security.conftest import PASSWORD, GuardedServer, file_for, load_users
from security.recipes import FILES, FOLDER, USERS, text
from servers import RunningServer
from waiting import await_until
from working import worker_of

import jobqueue
from jobqueue import Dedup, Every, Flow, JobCancelled, JobFailed, JobQueue, Limits, Retry, Snooze, current_job
from jobqueue.errors import ServerRefused
from jobqueue.store.script import script_names

PACKAGE = Path(jobqueue.__file__).parent

# What looks like a command in the package and is granted to nobody, each for a reason.
NOT_GRANTED = {
    "BRPOPLPUSH": "only to the server in memory, which has no users",
    "CONFIG": "it tells passwords; the doctor does without it",
    "GET": "of CONFIG GET",
    "TYPE": "the heading of a column",
}


def words_in(package: Path) -> set[str]:
    """Return every text in capitals in the code that talks to servers."""
    return {
        node.value
        for path in package.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isupper()
    }


@pytest.mark.parametrize("name", FILES)
def test_the_files_grant_what_scripts_and_code_call_and_nothing_else(name):
    assert (FOLDER / name).read_text() == text(FILES[name]), "python tests/security/recipes.py writes it anew"


def test_every_script_has_a_user_that_runs_it():
    assert {name for user in USERS for name in user.scripts} == set(script_names())


def test_every_command_in_the_code_is_granted_to_a_user(real_server):
    with redis.Redis.from_url(real_server.url) as connection:
        known = {name.upper() for name in connection.command()}
    sent = words_in(PACKAGE) & known
    assert {"BLMOVE", "SCAN", "XREAD", "EVALSHA"} <= sent
    granted = {command.partition("|")[0].upper() for user in USERS for command in user.granted(newest=True)}
    assert sent - granted - set(NOT_GRANTED) == set()


def test_nobody_is_granted_what_is_dangerous(guarded: GuardedServer):
    dangerous = {name.decode() for name in guarded.connection.execute_command("ACL", "CAT", "dangerous")}
    administering = {name.decode() for name in guarded.connection.execute_command("ACL", "CAT", "admin")}
    for user in USERS:
        granted = {command for command in user.granted(newest=False) if "|" not in command}
        assert granted & dangerous <= {"info"}
        assert granted & (administering | {"keys", "flushall", "flushdb", "config", "debug", "script", "acl"}) == set()


def test_the_files_can_be_loaded_and_let_nobody_in_without_a_password(
    a_server: Callable[..., AbstractContextManager[RunningServer]], guarded: GuardedServer, request
):
    kind = request.node.callspec.params["guarded"]
    with a_server(kind, "--aclfile", str(file_for(guarded.connection))) as server:
        with redis.Redis.from_url(server.url) as connection:
            assert {f"{user.name}" for user in USERS} | {"default"} == set(connection.acl_users())
        stranger = redis.Redis.from_url(f"unix://jobqueue-worker:any@{server.socket}")
        with stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()


def worker_application(url: str, runs: list[str]) -> JobQueue:
    """Return an application whose tasks end in every way that there is."""
    jobs = JobQueue(url)
    jobs.limits(limits=Limits(concurrency=20))

    @jobs.task(name="add", timeout=20)
    async def add(x: int, y: int) -> int:
        return x + y

    @jobs.task(name="tell", queue="other")
    def tell(name: str) -> str:
        current_job().progress(0.5)
        current_job().log("a line")
        return name

    @jobs.task(name="fail", retry=Retry(attempts=2, backoff=0.01))
    def fail() -> None:
        raise ValueError("no")

    @jobs.task(name="snooze")
    async def snooze() -> None:
        runs.append("snooze")
        if runs.count("snooze") == 1:
            raise Snooze(0.01)

    @jobs.task(name="nest")
    async def nest() -> int:
        child = await add.aenqueue(2, 3)
        return await child.aresult(timeout=10)

    @jobs.task(name="last")
    async def last() -> None:
        runs.append("last")
        await asyncio.sleep(60)

    @jobs.task(name="often", schedule=Every(seconds=1))
    async def often() -> None:
        runs.append("often")

    return jobs


async def test_producers_enqueue_and_workers_run(guarded: GuardedServer):
    runs: list[str] = []
    producer, reader = JobQueue(guarded.url("producer")), JobQueue(guarded.url("reader"))
    queue = producer.queue("default")
    first = await queue.aenqueue("add", {"x": 1, "y": 2})
    with_rules = [
        await queue.aenqueue("add", {"x": n, "y": n}, priority=n, key=f"k{n}", expires=60, dedup=Dedup(key=str(n)))
        for n in range(3)
    ]
    many = await producer.aenqueue_many(queue.draft("add", {"x": n, "y": 1}) for n in range(3))
    abroad = await producer.queue("other").aenqueue("tell", {"name": "after"}, after=[first])
    flow = await producer.aenqueue_flow(
        Flow(producer.queue("other").draft("tell", {"name": "flow"}), after=[queue.draft("add", {"x": 5, "y": 5})])
    )
    failing, snoozing = await queue.aenqueue("fail", {}), await queue.aenqueue("snooze", {}, delay=0.05)
    nested, unknown = await queue.aenqueue("nest", {}), await queue.aenqueue("unknown", {})
    running, never = await queue.aenqueue("last", {}), await queue.aenqueue("add", {"x": 0, "y": 0}, delay=1000)
    await producer.schedules.aupsert("hourly", queue.draft("add", {"x": 0, "y": 0}), Every(hours=1))
    assert await never.acancel()

    async with worker_of(worker_application(guarded.url("worker"), runs), queues=["default", "other"]):
        assert await first.aresult(timeout=10) == 3
        assert await producer.aresults([*with_rules, *many], timeout=10) == [0, 2, 4, 1, 2, 3]
        assert [await job.aresult(timeout=10) for job in (abroad, flow)] == ["after", "flow"]
        assert await nested.aresult(timeout=10) == 5
        with pytest.raises(JobFailed):
            await failing.aresult(timeout=10)
        assert await snoozing.aresult(timeout=10) is None
        await await_until(lambda: "last" in runs, "it runs")
        assert await running.acancel()
        with pytest.raises(JobCancelled):
            await running.aresult(timeout=10)
        await await_until(lambda: "often" in runs, "the schedule has started one")
        await await_until(lambda: unknown.info().parked, "nobody knows it")
        assert [line.text for line in await abroad.alogs()] == ["a line"]
        assert len(await abroad.adependencies()) == 1
        assert (await reader.job("default", failing.id).ainfo()).ending.error_type == "ValueError"
        assert len(await reader.queue("default").afailed_groups()) == 1
        assert set(await reader.aqueues()) == {"default", "other"}
    for application in (producer, reader):
        await application.aclose()
    assert refusals(guarded) == []


def refusals(guarded: GuardedServer) -> list[str]:
    """Return what the server has refused to users in this test."""
    found = [f"{entry['reason']} {entry['object']}" for entry in guarded.connection.acl_log()]
    # A server before 7.2 does not know CLIENT SETINFO, and redis-py asks all the same. CONFIG GET would tell passwords:
    # a worker asks what the server may lose, and does without what it is not told.
    return [text for text in found if "client" not in text and "config" not in text]


READING = {
    "events", "explain", "failed export", "failed list", "health", "job export", "job list", "job logs", "job show",
    "job timeline", "queue list", "queue show", "schedule list", "schedule show", "stats", "status", "top",
    "workers list",
}  # fmt: skip


WRITING = {"enqueue", "job cancel", "job remove", "queue pause", "queue drain", "task strike", "doctor"}


def test_operators_run_every_command_and_readers_those_that_only_look(
    guarded_servers: Callable[[str], GuardedServer], tmp_path
):
    guarded = guarded_servers("valkey")
    guarded.connection.flushall()
    producer = JobQueue(guarded.url("producer"))
    producer.queue("mail").enqueue("work", {"x": 1}, id="the-job")
    producer.close()
    (tmp_path / "app.py").write_text("from jobqueue import JobQueue\njobs = JobQueue()\n")
    real = {"no-such-job": "the-job", "no-such-queue": "mail"}
    words = {name: [*name.split(), *(real.get(word, word) for word in more)] for name, more in COMMANDS.items()}
    for user, names in (("reader", sorted(READING | WRITING)), ("operator", list(COMMANDS))):
        shell = Shell(tmp_path, {"JOBQUEUE_URL": guarded.url(user)})
        done = dict(zip(names, shell.all(*(words[name] for name in names)), strict=True))
        refused = {name for name, finished in done.items() if "refuses" in finished.err}
        assert all("Grant" in done[name].complaint for name in refused)
        assert not any(PASSWORD in finished.out + finished.err for finished in done.values())
        # To measure, it works too: that takes the rights of a worker.
        assert refused == (WRITING if user == "reader" else {"bench"})
    assert "CONFIG GET is refused" in done["doctor"].out


FORBIDDEN = (
    "FLUSHALL", "CONFIG GET *", "KEYS *", "DEBUG SLEEP 0", "ACL LIST", "SCRIPT FLUSH", "SHUTDOWN", "MONITOR",
    "CLIENT LIST", "GET other", "SET {jq2:mail}:jobs x", "HGETALL {jq2:mail}:jobs", "SUBSCRIBE {jq2:mail}:control",
    "REPLICAOF NO ONE", "MIGRATE h 1 k 0 1", "FUNCTION LIST", "MODULE LIST", "SAVE",
)  # fmt: skip


def test_nobody_may_do_more(guarded: GuardedServer):
    for user in USERS:
        with redis.Redis.from_url(guarded.url(user.name.removeprefix("jobqueue-"))) as connection:
            for command in map(str.split, FORBIDDEN):
                with pytest.raises(redis.ResponseError, match=r"permission|unknown command|not allowed"):
                    connection.execute_command(*command)
                # Nor from inside a script.
                with pytest.raises(redis.ResponseError):
                    connection.eval(f"return redis.call({', '.join(map(repr, command))})", 0)


def test_readers_write_nothing_by_scripts_of_their_own_either(guarded: GuardedServer):
    with redis.Redis.from_url(guarded.url("reader")) as connection:
        for words in ("'HSET', KEYS[1], 'x', 'y'", "'DEL', KEYS[1]", "'PUBLISH', KEYS[1], 'cancel x'"):
            with pytest.raises(redis.ResponseError, match=r"permission|can't run|can't publish"):
                connection.eval(f"return redis.call({words})", 1, "{jq:mail}:jobs")


def test_producers_cannot_take_jobs_or_read_what_others_wait_for(guarded: GuardedServer):
    with redis.Redis.from_url(guarded.url("producer")) as connection:
        for command in (
            "BLMOVE {jq:mail}:wait x RIGHT LEFT 1",
            "DEL {jq:mail}:jobs",
            "UNLINK {jq:mail}:jobs",
            "SCAN 0",
        ):
            with pytest.raises(redis.exceptions.NoPermissionError):
                connection.execute_command(*command.split(" "))


async def test_tenants_with_prefixes_of_their_own_do_not_reach_each_other(guarded: GuardedServer):
    newest = "setinfo" in file_for(guarded.connection).read_text()
    load_users(guarded.connection, text(newest, "acme").replace("jobqueue-", "acme-"))
    socket = guarded.server.socket
    theirs = JobQueue(f"unix://acme-producer:{PASSWORD}@{socket}", prefix="acme")
    ours = JobQueue(guarded.url("producer"))
    job = theirs.queue("mail").enqueue("work", {})
    their_operator = JobQueue(f"unix://acme-operator:{PASSWORD}@{socket}", prefix="acme")
    assert their_operator.job("mail", job.id).state() == "waiting"
    intruder = JobQueue(guarded.url("operator"), prefix="acme")
    for attempt in (
        intruder.job("mail", job.id).info,
        intruder.queues,
        lambda: intruder.queue("mail").enqueue("work", {}),
        intruder.queue("mail").pause,
        intruder.job("mail", job.id).cancel,
        lambda: intruder.job("mail", job.id).result(timeout=1),
    ):
        with pytest.raises(ServerRefused, match=r"Grant the (keys|channels)"):
            attempt()
    # A job of one prefix cannot wait for one of another: it is looked for under its own.
    with pytest.raises(jobqueue.UnknownDependency):
        ours.queue("mail").enqueue("work", {}, after=[job])
    for application in (theirs, their_operator, ours, intruder):
        application.close()


@pytest.mark.parametrize(
    ("right", "found"),
    [
        ("-evalsha -eval", r"Grant \+eval"),
        ("-hsetnx", r"Grant (\+hsetnx|the commands that \w+)"),
        ("resetkeys ~other:*", r"Grant the keys of the prefix"),
        ("resetchannels", r"Grant the channels of the prefix"),
    ],
)
def test_what_is_missing_is_said_on_one_line(guarded: GuardedServer, right, found):
    rule = next(user for user in USERS if user.name.endswith("producer")).rule(newest=False).split()
    guarded.connection.execute_command("ACL", "SETUSER", "lacking", "reset", *rule[2:], *right.split(), ">secret")
    jobs = JobQueue(f"unix://lacking:secret@{guarded.server.socket}")
    with pytest.raises(ServerRefused, match=found) as caught:
        jobs.queue("mail").enqueue("work", {}).result(timeout=0.2)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)
    jobs.close()
