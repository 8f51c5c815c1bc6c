"""A worker at a queue full of hostile values: ``python poisoned.py URL payloads|everything|types``.

It prints what the interpreter was asked to do because of them, and what became of the jobs. It is a program of its own,
because what listens to the interpreter cannot be taken away again.
"""

import asyncio
import contextlib
import json
import logging
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import redis.asyncio
from security.hostile import NAMES, TEXTS, specifications

from jobqueue import JobQueue, JobQueueError, JobState, Retry
from jobqueue.store.claims import claim, register
from jobqueue.store.keys import KEYS, QueueKeys
from jobqueue.store.script import script, script_names
from jobqueue.worker import Worker

WATCHED = (
    "import", "exec", "compile", "open", "os.", "subprocess.", "pickle.", "marshal.", "ctypes.", "socket.connect",
    "socket.getaddrinfo", "code.__new__", "function.__new__", "shutil.", "urllib.", "glob.", "tempfile.",
)  # fmt: skip

armed = False
heard: list[str] = []
said: list[str] = []


class Ear(logging.Handler):
    """Keeps what the worker logs."""

    def emit(self, record: logging.LogRecord) -> None:
        said.append(record.getMessage())


def listen(event: str, arguments: tuple[Any, ...]) -> None:
    if armed and event.startswith(WATCHED):
        heard.append(f"{event} {arguments!r:.200}")


def application(url: str) -> JobQueue:
    jobs = JobQueue(url, lease=1.5)

    @jobs.task(name="hang")
    async def hang() -> None:
        await asyncio.Event().wait()

    @jobs.task(name="add", retry=Retry(attempts=2, backoff=0))
    async def add(x: int, y: int) -> int:
        return x + y

    @jobs.task(name="fail", retry=Retry(attempts=2, backoff=0))
    async def fail() -> None:
        raise ValueError("no")

    return jobs


async def push_payloads(connection: Any, keys: QueueKeys) -> int:
    """Let jobs wait whose specifications, bookkeeping or ids are hostile."""
    texts = [*specifications()]
    fine = b'{"task":"fail","args":{}}'
    for number, text in enumerate(texts):
        await connection.hset(keys["jobs"], f"spec{number}", text)
        await connection.lpush(keys["wait"], f"spec{number}")
    odd = [*TEXTS[:12], *(name.encode() for name in NAMES if name)]
    for number, text in enumerate(odd):
        for column in ("attempts", "progress", "logs", "notes", "parked", "traits"):
            await connection.hset(keys[column], f"book{number}", text)
        await connection.hset(keys["jobs"], f"book{number}", fine)
        await connection.lpush(keys["wait"], f"book{number}")
    ids = [b"\xff\xfe", b"a\r\nb", b"a b", b"{}", b"os.system", b"\x00"]
    for job_id in ids:
        await connection.hset(keys["jobs"], job_id, fine)
        await connection.lpush(keys["wait"], job_id)
    return len(texts) + len(odd) + len(ids)


async def push_everything(connection: Any, keys: QueueKeys) -> None:
    """Put hostile values into every key of the queue."""
    values = [text for text in (*TEXTS, *(name.encode() for name in NAMES)) if len(text) < 10_000]
    for name, (kind, _) in KEYS.items():
        key = keys.inbox("somebody") if name == "inbox" else keys[name]
        for value in values:
            with contextlib.suppress(redis.exceptions.ResponseError):
                match kind:
                    case "hash":
                        await connection.hset(key, value or b"-", value)
                        await connection.hset(key, "victim", value)
                    case "list":
                        await connection.lpush(key, value)
                    case "set":
                        await connection.sadd(key, value)
                    case "zset":
                        await connection.zadd(key, {value or b"-": 1})
                    case "stream":
                        await connection.xadd(key, {value or b"-": value})
                    case "channel":
                        await connection.publish(key, b"cancel " + value)


async def push_types(connection: Any, keys: QueueKeys) -> None:
    """Make every key of the queue one of another type."""
    for name, (kind, _) in KEYS.items():
        if kind != "channel":
            await connection.set(keys[name], "x")


async def serve(jobs: JobQueue, connection: Any, dead: str) -> dict[str, bool]:
    """Tell what a worker does for the queue beside the hostile one."""
    good, keys, served = jobs.queue("other"), jobs.keys("other"), {}

    async def do(what: str, condition: Any) -> None:
        served[what] = await until(condition, 8)

    def is_in(handle: Any, state: JobState) -> Any:
        async def condition() -> bool:
            return await handle.astate() is state

        return condition

    async def living() -> set[bytes]:
        return {name for name, end in await connection.zrange(keys["workers"], 0, -1, withscores=True) if end > 1}

    # Nothing is said on the channel of the queue: what is not heard is found with the next heartbeat.
    hanging = await good.aenqueue("hang", {})
    await until(is_in(hanging, JobState.ACTIVE), 8)
    await connection.hset(keys["cancelling"], hanging.id, b'"enough"')
    await do("cancels", is_in(hanging, JobState.CANCELLED))
    await connection.zadd(keys["workers"], {dead: 1})
    await do("reaps", is_in(good.job("held"), JobState.COMPLETED))
    await do("promotes", is_in(await good.aenqueue("add", {"x": 1, "y": 1}, delay=0.2), JobState.COMPLETED))
    first = await good.aenqueue("add", {"x": 1, "y": 1})
    second = await jobs.queue("third").aenqueue("add", {"x": 1, "y": 1}, after=[first])
    await do("relays", is_in(second, JobState.COMPLETED))
    # One that the worker has given up meanwhile may be among them.
    old = await living()
    await connection.zrem(keys["workers"], *old)
    await connection.hdel(keys["worker_info"], *old)

    async def has_returned() -> bool:
        return bool(await living() - old)

    await do("returns", has_returned)
    await do("works", is_in(await good.aenqueue("add", {"x": 1, "y": 1}), JobState.COMPLETED))
    for new in await living() - old:
        await connection.hset(keys["orders"], new, "quiet")

    async def obeys() -> bool:
        return any("told to quiet" in line for line in said)

    await do("obeys", obeys)
    return served


async def look(jobs: JobQueue, queue: str, ids: list[str]) -> list[str]:
    """Look at everything that can be looked at; return what was raised that is no error of jobqueue."""
    wrong: list[str] = []

    async def read(what: str, awaitable: Any) -> None:
        try:
            await awaitable
        except JobQueueError as error:
            if "\n" in str(error) and what != "result":
                wrong.append(f"{what}: more than one line: {error}")
        except Exception as error:  # any that is not ours is what is looked for
            wrong.append(f"{what}: {type(error).__name__}: {error}")

    async def exhaust(iterator: Any) -> None:
        async for _ in iterator:
            pass

    here = jobs.queue(queue)
    for job_id in ids:
        handle = here.job(job_id)
        await read("info", handle.ainfo())
        await read("logs", handle.alogs())
        await read("timeline", handle.atimeline())
        await read("dependencies", handle.adependencies())
        await read("result", handle.aresult(timeout=0.02))
        await read("explain", jobs.inspect.aexplain(job_id, queue))
    for state in ("waiting", "parked", "delayed", "blocked", "active", "completed", "failed", "cancelled"):
        await read(f"list {state}", exhaust(here.ajobs(state)))
    await read("find", exhaust(here.afind("error~x or task=add")))
    await read("queue", here.ainfo())
    await read("stats", here.astats())
    await read("limits", here.alimits())
    await read("groups", here.afailed_groups())
    await read("snapshot", jobs.inspect.asnapshot())
    await read("workers", jobs.workers.alist())
    await read("schedules", jobs.schedules.alist())
    await read("events", exhaust(jobs.inspect.aevents()))
    await read("doctor", jobs.inspect.adoctor())
    await read("queues", jobs.aqueues())
    return wrong


async def until(condition: Any, seconds: float) -> bool:
    for _ in range(int(seconds / 0.02)):
        if await condition():
            return True
        await asyncio.sleep(0.02)
    return False


async def main(url: str, what: str) -> None:
    global armed  # noqa: PLW0603  the hook is global, too
    jobs = application(url)
    connection = redis.asyncio.Redis.from_url(url)
    keys, good = jobs.keys("mail"), jobs.queue("other")
    mail = jobs.queue("mail")
    report: dict[str, Any] = {}
    logging.getLogger("jobqueue.worker").addHandler(Ear())
    # A worker that has died, or will have when its lease is over.
    dead = "dead.1.dead"
    await good.aenqueue("add", {"x": 1, "y": 1}, id="held")
    await jobs.connections.arun(register(jobs.keys("other"), dead, 600, {}))
    await jobs.connections.arun(claim(jobs.keys("other"), dead, 1, 1))
    async with Worker(jobs, queues=["mail", "other", "third"], concurrency=20, shutdown_timeout=1):
        # What is loaded at the first time is loaded now.
        for queue in (mail, good):
            failing = [await queue.aenqueue("fail", {}) for _ in range(2)]
            assert await (await queue.aenqueue("add", {"x": 1, "y": 2})).aresult(timeout=10) == 3
            unknown = await queue.aenqueue("unknown", {})
            unreadable = await queue.aenqueue("add2", {"x": "\x00"})
            assert await until(lambda job=failing[1]: _ended(job), 10)
        await look(jobs, "mail", [failing[0].id, unknown.id, unreadable.id, "none"])
        await look(jobs, "other", [failing[0].id, unknown.id, unreadable.id])

        for name in script_names():
            script(name)
        armed = True
        if what == "payloads":
            pushed = await push_payloads(connection, keys)

            async def all_settled() -> bool:
                return not await connection.hlen(keys["active"]) and not await connection.llen(keys["wait"])

            after = [await mail.aenqueue("add", {"x": n, "y": n}) for n in range(5)]
            report["after"] = [await job.aresult(timeout=20) for job in after]
            report["settled"] = await until(all_settled, 20)
            report["pushed"] = pushed
            report["ended"] = await connection.zcard(keys["failed"]) + await connection.zcard(keys["completed"])
            report["parked"] = await connection.hlen(keys["parked"])
            names = [name.decode() for name in await connection.hkeys(keys["jobs"]) if name.isalnum()][::40]
        else:
            await connection.delete(*[keys[name] for name, (kind, _) in KEYS.items() if kind != "channel"])
            await (push_types if what == "types" else push_everything)(connection, keys)
            names = ["victim"]
        elsewhere = [await good.aenqueue("add", {"x": n, "y": 1}) for n in range(5)]
        report["elsewhere"] = [await job.aresult(timeout=10) for job in elsewhere]
        report["wrong"] = await look(jobs, "mail", names)
        if what != "payloads":
            report["served"] = await serve(jobs, connection, dead)
        armed = False
        if what != "payloads":
            await connection.delete(*[keys[name] for name, (kind, _) in KEYS.items() if kind != "channel"])
            await connection.delete(keys.inbox("somebody"))
    report["heard"] = sorted(set(heard))
    await connection.aclose()
    await jobs.aclose()
    sys.stdout.write(json.dumps(report))


async def _ended(job: Any) -> bool:
    return (await job.ainfo()).ending is not None


if __name__ == "__main__":
    sys.addaudithook(listen)
    logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    asyncio.run(main(sys.argv[1], sys.argv[2]))
