"""The public API as people use it, for type checkers. It is not run.

A line with a comment ``# wrong`` at its end is a mistake that a checker must find; it may find no other.
"""

# pyright: strict

from collections.abc import Coroutine, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, assert_type

from jobqueue import (
    After,
    Aggregate,
    Batch,
    CallNext,
    Cancel,
    Cron,
    Dedup,
    Dependency,
    Draft,
    Encryption,
    Every,
    Exponential,
    Flow,
    Group,
    JobContext,
    JobEnded,
    JobEvent,
    JobFailed,
    JobHandle,
    JobInfo,
    JobQueue,
    JobState,
    Keep,
    Limits,
    OutcomeKind,
    Queue,
    RateLimit,
    RateLimited,
    ResultTimeout,
    Retention,
    Retry,
    RetryAfter,
    Schedule,
    Signing,
    Snooze,
    Task,
    TaskSet,
    WaitFor,
    chain,
    chord,
    current_batch,
    current_job,
    group,
)

# An application.

jobs = JobQueue(
    "redis://localhost:6379/0",
    prefix="shop",
    queue="default",
    retention=Retention(completed=Keep(timedelta(hours=1)), failed=Keep(age=3600, count=10)),
    max_payload=100_000,
    lease=30,
    max_lost=3,
    durability="replica",
    durability_timeout=0.5,
    signing=Signing({"new": b"key", "old": "base64"}, require=False, max_age=timedelta(days=7)),
    encryption=Encryption({"new": b"key"}, require=True),
)
Signing({"new": 5})  # wrong: the type of a key
JobQueue(signing={"new": b"key"})  # wrong: keys without what uses them
JobQueue(durability="disk")  # wrong: a durability that does not exist
JobQueue(prefx="shop")  # wrong: a mistyped setting
JobQueue(lease="30")  # wrong: the type of a setting
Keep(days=1)  # wrong: a mistyped bound
Retention(completed=3600)  # wrong: the type of a bound


# Tasks: bare and with options, of plain and of async functions.


@jobs.task
def resize(path: str, width: int = 100) -> bytes:
    return path.encode() * width


@jobs.task
async def greet(name: str, *, loud: bool = False) -> str:
    return name.upper() if loud else name


@jobs.task(name="mail.send", queue="mail", retry=5, timeout=timedelta(minutes=1), run="process", result_ttl=0)
def send(to: str, /, *copies: str, **headers: str) -> int:
    return len((to, *copies, *headers))


@jobs.task(retry=Retry(3, [1, 10.5, timedelta(minutes=1)], on=(OSError, ValueError), never=ConnectionError), timeout=5)
async def fetch(url: str, at: datetime | None = None) -> dict[str, list[int]]:
    return {url: [at.year if at else 0]}


@jobs.task(retry=Retry(backoff=Exponential(base=1, factor=3, cap=60, jitter=False)))
def clean() -> None: ...


@jobs.task(retry=Retry(backoff=lambda failures, error: failures * 2.5))
async def crawl() -> None: ...


@jobs.task(version=3, aliases=["mail.remind"])
async def remind_all(to: list[str]) -> int:
    return len(to)


@remind_all.upcast(1)
def of_one(args: dict[str, Any]) -> dict[str, Any]:
    return {"to": [args["to"]]}


@remind_all.upcast(2)
def of_two(args: dict[str, Any]) -> dict[str, Any]:
    return args


assert_type(of_one({"to": "a@b.c"}), dict[str, Any])
assert_type(remind_all.names, tuple[str, ...])
assert_type(remind_all.enqueue(["a@b.c"]).result(), int)
of_one(5)  # wrong: argument type
remind_all.upcast("1")(of_one)  # wrong: argument type


@remind_all.upcast(1)  # wrong: an upcaster that returns no arguments
def upcast_to_text(args: dict[str, Any]) -> str:
    return ""


@remind_all.upcast(1)  # wrong: an upcaster that is async
async def upcast_later(args: dict[str, Any]) -> dict[str, Any]:
    return args


@remind_all.upcast(1)  # wrong: an upcaster that takes the arguments one by one
def upcast_one_by_one(to: str, subject: str) -> dict[str, Any]:
    return {"to": [to], "subject": subject}


@jobs.task(version="2")  # wrong: the type of an option
def wrong_version() -> None: ...


@jobs.task(aliases=[5])  # wrong: the type of an option
def wrong_alias() -> None: ...


@jobs.task(queu="mail")  # wrong: a mistyped option
def mistyped() -> None: ...


@jobs.task(queue=5)  # wrong: the type of an option
def wrong_queue() -> None: ...


@jobs.task(retry="often")  # wrong: the type of an option
def wrong_retry() -> None: ...


@jobs.task(run="fibre")  # wrong: a value that an option does not have
def wrong_run() -> None: ...


@jobs.task(delay=5)  # wrong: an option of jobs, not of tasks
def wrong_delay() -> None: ...


Retry(atempts=3)  # wrong: a mistyped member of a policy
Retry(on="ValueError")  # wrong: the name of an exception instead of its type
Retry(backoff=lambda failures: 5)  # wrong: a backoff function without the error
Exponential(base="1")  # wrong: the type of a delay


# A task is still the function itself.

assert_type(resize("a.png"), bytes)
assert_type(resize("a.png", width=5), bytes)
greeting: Coroutine[Any, Any, str] = greet("Ada")
resize(5)  # wrong: argument type
greet()  # wrong: a missing argument
text: str = resize("a.png")  # wrong: result type


# Enqueueing: arguments and results are those of the function.

assert_type(resize.enqueue("a.png", 5), JobHandle[bytes])
assert_type(greet.enqueue("Ada", loud=True), JobHandle[str])
assert_type(greet.enqueue("Ada").result(timeout=5), str)
assert_type(send.enqueue("a@b.c", "d@e.f", subject="hi").result(), int)
assert_type(fetch.enqueue("http://localhost", at=datetime.now(UTC)).result(), dict[str, list[int]])
assert_type(clean.enqueue(), JobHandle[None])
assert_type(greet.draft("Ada"), Draft[str])

greet.enqueue(5)  # wrong: argument type
greet.enqueue()  # wrong: a missing argument
greet.enqueue("Ada", True)  # wrong: an argument that has a name only
greet.enqueue("Ada", lout=True)  # wrong: an unknown argument
greet.enqueue("Ada", loud="yes")  # wrong: argument type
resize.enqueue("a.png", "wide")  # wrong: argument type
resize.enqueue("a.png", 5, 6)  # wrong: too many arguments
send.enqueue(to="a@b.c")  # wrong: an argument that has no name
send.enqueue("a@b.c", 5)  # wrong: argument type
send.enqueue("a@b.c", subject=5)  # wrong: argument type
clean.enqueue("all")  # wrong: too many arguments
greet.draft(5)  # wrong: argument type
number: int = greet.enqueue("Ada").result()  # wrong: result type
handle: JobHandle[int] = greet.enqueue("Ada")  # wrong: result type


async def produce() -> int:
    """Do the same from asyncio."""
    assert_type(await greet("Ada"), str)
    assert_type(await greet.aenqueue("Ada"), JobHandle[str])
    assert_type(await resize.aenqueue("a.png"), JobHandle[bytes])
    assert_type(await (await greet.aenqueue("Ada")).aresult(), str)
    await greet.aenqueue(5)  # wrong: argument type
    await greet.aenqueue()  # wrong: a missing argument
    await greet.aenqueue("Ada", lout=True)  # wrong: an unknown argument
    return await (await greet.aenqueue("Ada")).aresult()  # wrong: result type


# Options of single jobs go first, and arguments stay typed.

assert_type(greet.using(delay=5).enqueue("Ada"), JobHandle[str])
later = greet.using(id="a", queue="b", retry=3, timeout=None, result_ttl=timedelta(1), meta={"a": 1})
assert_type(later.draft("Ada"), Draft[str])
resize.using(run_at=datetime.now(UTC)).using(retry=Retry(5)).enqueue("a.png", width=5)

greet.using(dealy=5)  # wrong: a mistyped option
greet.using(delay="5")  # wrong: the type of an option
greet.using(run_at=5)  # wrong: the type of an option
greet.using(meta="a")  # wrong: the type of an option
greet.using(run="thread")  # wrong: an option of tasks, not of jobs
greet.using(delay=5).enqueue(5)  # wrong: argument type
greet.using(delay=5).enqueue("Ada", lout=True)  # wrong: an unknown argument
greet.using(delay=5).enqueue()  # wrong: a missing argument


# What steers a job: priorities, keys, expiry, deduplication, aggregation, limits.


@jobs.task(priority=5, key_by="tenant", expires=timedelta(hours=1), dedup=Dedup(by="tenant"))
def bill_tenant(tenant: str, month: int = 1) -> str:
    return f"{tenant} {month}"


@jobs.task(aggregate=Aggregate("rows", size=50, quiet=0.5), limits=Limits(concurrency=2, rate=RateLimit(10, per=60)))
def load(rows: list[int]) -> int:
    return len(rows)


@jobs.task(priority="high")  # wrong: the type of an option
def wrong_priority() -> None: ...


@jobs.task(dedup="throttle")  # wrong: the type of an option
def wrong_dedup() -> None: ...


@jobs.task(lifo=True)  # wrong: an option of jobs, not of tasks
def wrong_lifo() -> None: ...


bill_tenant.using(priority=1, lifo=True, key="acme", expires=60, dedup=Dedup.keep_last()).enqueue("acme")
bill_tenant.using(expires=datetime.now(UTC), key=4711).enqueue("acme", month=2)
bill_tenant.using(dedup=Dedup.throttle(timedelta(minutes=1), by=["tenant", "month"])).enqueue("acme")
bill_tenant.using(after=greet.enqueue("Ada")).enqueue("acme")
bill_tenant.using(after=[greet.enqueue("Ada"), After(resize.enqueue("a.png"), on_failure="run")]).enqueue("acme")
assert_type(load.enqueue([1, 2]), JobHandle[int])

bill_tenant.using(priority="high")  # wrong: the type of an option
bill_tenant.using(lifo="yes")  # wrong: the type of an option
bill_tenant.using(key_by="tenant")  # wrong: an option of tasks, not of jobs
bill_tenant.using(after="j1")  # wrong: an id instead of a handle
bill_tenant.using(dedup=Aggregate("rows"))  # wrong: the type of an option
After(greet.enqueue("Ada"), on_failure="stop")  # wrong: a value that an option does not have
Dedup("sometimes")  # wrong: a value that an option does not have
Dedup.debounce("5")  # wrong: the type of a period
Aggregate(size=5)  # wrong: a missing argument
Limits(concurency=5)  # wrong: a mistyped limit
Limits(rate=5)  # wrong: the type of a limit
RateLimit("10")  # wrong: the type of a limit

jobs.limits(
    "mail", Limits(max_size=1000, on_full="block"), each_key=Limits(concurrency=1), keys={"acme": Limits(weight=2)}
)
jobs.strike("bill_tenant")
jobs.unstrike("bill_tenant", queues=["mail"])
jobs.limits("mail", 5)  # wrong: the type of a limit


# Flows.

first = Flow(greet.draft("Ada"))
assert_type(first, Flow[str])
assert_type(first.then(resize.draft("a.png")), Flow[bytes])
assert_type(
    Flow(load.draft([1]), after=[first, resize.draft("a.png"), After(greet.enqueue("Ada"), "ignore")]), Flow[int]
)
assert_type(chain(greet.draft("Ada"), group([greet.draft("Bob")]), load.draft([1])), Flow[int])
assert_type(group([Flow(greet.draft("Ada")), first]), Group[str])
assert_type(chord([greet.draft("Ada"), resize.draft("a.png")], load.draft([1])), Flow[int])
assert_type(jobs.enqueue_flow(first), JobHandle[str])
assert_type(jobs.enqueue_flow(group([greet.draft("Ada")])), list[JobHandle[str]])
Flow(greet)  # wrong: a task instead of a draft
Flow(greet.draft(5))  # wrong: argument type
chain(greet.draft("Ada"), 5)  # wrong: what is no step
chord(greet.draft("Ada"), load.draft([1]))  # wrong: one job instead of several
jobs.enqueue_flow(greet.draft("Ada"))  # wrong: a draft instead of a flow
length: int = jobs.enqueue_flow(first).result()  # wrong: result type


async def produce_flows() -> None:
    """Do the same from asyncio."""
    assert_type(await jobs.aenqueue_flow(first), JobHandle[str])
    assert_type(await jobs.aenqueue_flow(group([greet.draft("Ada")])), list[JobHandle[str]])
    await jobs.astrike("bill_tenant")
    await jobs.aunstrike("bill_tenant")


# Batch tasks: one item is one job.


@jobs.task(batch=Batch(size=100, wait=0.2))
async def index(documents: list[str]) -> list[int]:
    return [len(document) for document in documents]


@jobs.task(batch=Batch(10, timedelta(seconds=1)), queue="shapes", retry=5)
def measure(shapes: Sequence[bytes]) -> list[float | Exception]:
    return [float(len(shape)) if shape else ValueError("empty") for shape in shapes]


@jobs.task(batch=Batch(5, 0))
async def forward(urls: list[str]) -> Sequence[bytes | Exception | Snooze | RetryAfter | Cancel]:
    assert_type(current_batch(), tuple[JobContext, ...])
    return [Snooze(5) if job.attempt == 1 else url.encode() for job, url in zip(current_batch(), urls, strict=True)]


@jobs.task(batch=Batch(5, 1))
async def store(rows: list[dict[str, int]]) -> None: ...


@jobs.task(batch=Batch(5, 1))
def store_plainly(rows: list[dict[str, int]]) -> None: ...


indexed: Task[[str], int] = index
assert_type(index.enqueue("a"), JobHandle[int])
assert_type(index.using(delay=5).enqueue("a").result(), int)
assert_type(measure.enqueue(b"a"), JobHandle[float])
assert_type(forward.enqueue("a"), JobHandle[bytes])
assert_type(store.enqueue({"a": 1}), JobHandle[None])
assert_type(store_plainly.enqueue({"a": 1}), JobHandle[None])
assert_type(jobs.results(jobs.enqueue_many(index.draft(text) for text in "abc")), list[int])
list(measure([b"a", b"b"]))
index.enqueue(["a"])  # wrong: argument type
index.enqueue(5)  # wrong: argument type
index.enqueue()  # wrong: a missing argument
index.enqueue("a", "b")  # wrong: too many arguments
measure.enqueue("a")  # wrong: argument type
measure("a")  # wrong: argument type
store.enqueue({"a": "b"})  # wrong: argument type
no_text: str = index.enqueue("a").result()  # wrong: result type


@jobs.task(batch=100)  # wrong: the type of an option
def wrong_batch(items: list[int]) -> None: ...


@jobs.task(batch=Batch(5, 1), queu="a")  # wrong: a mistyped option
def mistyped_batch(items: list[int]) -> None: ...


@jobs.task(batch=Batch(5, 1))  # wrong: no list of items
def one_item(item: int) -> list[int]:
    return [item]


@jobs.task(batch=Batch(5, 1))  # wrong: no list of results
def one_result(items: list[int]) -> int:
    return len(items)


Batch(size="5", wait=1)  # wrong: the type of a setting
Batch(5, wait="1s")  # wrong: the type of a delay


async def call_batches() -> int:
    """Call them as the functions that they are."""
    return len(await index(["a", "b"]))


# Many jobs at once.

drafts = [greet.draft("Ada"), greet.using(delay=5).draft("Grace")]
assert_type(jobs.enqueue_many(drafts), list[JobHandle[str]])
assert_type(jobs.results(jobs.enqueue_many(drafts), timeout=5), list[str])
mixed: list[Draft[str | bytes]] = [greet.draft("Ada"), resize.draft("a.png")]
assert_type(jobs.results(jobs.enqueue_many(mixed)), list[str | bytes])
jobs.enqueue_many(greet.draft(name) for name in ("Ada", "Grace"))
for ended in jobs.ended(jobs.enqueue_many(drafts)):
    assert_type(ended, JobHandle[str])
jobs.enqueue_many([greet.enqueue("Ada")])  # wrong: jobs that are enqueued already
numbers: list[int] = jobs.results(jobs.enqueue_many(drafts))  # wrong: result type


async def produce_many() -> None:
    """Do the same from asyncio."""
    handles = await jobs.aenqueue_many(drafts)
    assert_type(handles, list[JobHandle[str]])
    assert_type(await jobs.aresults(handles), list[str])
    async for handle in jobs.aended(handles, timeout=5):
        assert_type(handle, JobHandle[str])


# Handles.


def look(job: JobHandle[str]) -> str:
    """Ask for what is known of a job."""
    assert_type(job.id, str)
    assert_type(job.queue, str)
    assert_type(job.state(), JobState)
    assert_type(job.info(), JobInfo)
    assert_type(job.info().created_at, datetime | None)
    assert_type(job.info().version, int)
    assert_type(job.cancel("too late"), bool)
    assert_type(job.cancel(dependencies=True), bool)
    assert_type(job.duplicate, bool)
    assert_type(job.dependencies(), list[Dependency])
    assert_type(job.info().expires_at, datetime | None)
    assert_type(job.info().key, str | None)
    job.prioritize(5)
    job.promote()
    job.retry()
    job.remove()
    texts = [line.text for line in job.logs()]
    assert_type(texts, list[str])
    job.prioritize("high")  # wrong: argument type
    job.result(timeout="5")  # wrong: argument type
    job.id.result()  # wrong: an attribute of something else
    try:
        return job.result(5)
    except JobFailed as error:
        return error.error_type
    except ResultTimeout:
        return ""


async def alook(job: JobHandle[int]) -> int:
    """Do the same from asyncio."""
    assert_type(await job.astate(), JobState)
    assert_type(await job.ainfo(), JobInfo)
    assert_type(await job.acancel(), bool)
    assert_type(await job.adependencies(), list[Dependency])
    await job.aprioritize(5)
    await job.apromote()
    await job.aretry()
    await job.aremove()
    if await job.astate() is JobState.DELAYED:
        return job.aresult()  # wrong: not awaited
    return await job.aresult()


def covariant(job: JobHandle[bool]) -> JobHandle[int]:
    """Take a handle to a narrower result for one to a wider."""
    return job


# Queues, by name.

mail = jobs.queue("mail")
assert_type(mail, Queue)
assert_type(mail.enqueue("mail.send", {"to": "a@b.c"}, delay=5, id="a"), JobHandle[Any])
assert_type(mail.pause(), bool)
assert_type(mail.info().counts[JobState.WAITING], int)
assert_type(mail.info().oldest_age, float | None)
for info in (*mail.jobs("failed"), *mail.jobs("blocked")):
    assert_type(info, JobInfo)
assert_type(mail.pause(key="acme"), bool)
assert_type(mail.resume(task="mail.send"), bool)
assert_type(mail.limits(), Mapping[str, Limits])
assert_type(mail.cancel_key("acme"), int)
mail.limit(key="acme", rate=RateLimit(100, burst=5), concurrency=None)
mail.reset_limits(task="mail.send")
mail.enqueue("mail.send", {"to": "a@b.c"}, priority=5, key="acme", after=mail.job("a"))
mail.limit(concurency=5)  # wrong: a mistyped limit
mail.limit(on_full="drop")  # wrong: a value that a limit does not have
assert_type(mail.job("a"), JobHandle[Any])
assert_type(jobs.queues(), tuple[str, ...])
mail.enqueue("mail.send", {"to": "a@b.c"}, dealy=5)  # wrong: a mistyped option
mail.enqueue("mail.send", ["a@b.c"])  # wrong: arguments without names
mail.enqueue("mail.send", {5: "a@b.c"})  # wrong: arguments without names
mail.jobs("finished")  # wrong: a state that there is not


async def ask(queue: Queue) -> None:
    """Do the same from asyncio."""
    assert_type(await queue.aenqueue("mail.send", {"to": "a@b.c"}), JobHandle[Any])
    assert_type(await queue.apause(), bool)
    async for info in queue.ajobs("parked"):
        assert_type(info, JobInfo)


# Task sets.

tasks = TaskSet()


@tasks.task
def bill(order: int) -> float:
    return order / 2


@tasks.task(queue="billing")
async def remind(order: int) -> None: ...


jobs.include(tasks)
assert_type(bill.enqueue(5).result(), float)
assert_type(remind.enqueue(5), JobHandle[None])
bill.enqueue("five")  # wrong: argument type
remind.enqueue()  # wrong: a missing argument
jobs.include([bill])  # wrong: tasks without their set


@tasks.task(queu="billing")  # wrong: a mistyped option
def mistyped_as_well() -> None: ...


def enqueue_all(task: Task[..., str], names: Sequence[str]) -> list[str]:
    """Take a task by the type of its result."""
    return [task.enqueue(name).result() for name in names]


enqueue_all(greet, ["Ada"])
enqueue_all(bill, ["Ada"])  # wrong: a task of another result


# Inside a job.


@jobs.task
def work(steps: int) -> int:
    job = current_job()
    assert_type(job, JobContext)
    for step in range(steps):
        if job.cancelled:
            raise Cancel("it was asked to")
        job.progress(step / steps)
        job.log(f"step {step}")
    if job.attempt < job.max_attempts:
        raise RetryAfter(timedelta(minutes=1), "busy")
    if job.deadline is None:
        raise Snooze(60)
    if job.key:
        raise RateLimited(60, hold="task")
    dependencies = job.dependencies()
    assert_type(dependencies, list[Dependency])
    if not dependencies:
        raise WaitFor([greet.draft("Ada"), resize.enqueue("a.png")], on_failure="run")
    assert_type(job.token, int)
    job.progress()  # wrong: a missing argument
    job.attempt = "first"  # wrong: the type of an attribute
    return steps


Snooze("60")  # wrong: the type of a delay
RetryAfter()  # wrong: a missing delay
RateLimited(60, hold="worker")  # wrong: a value that an option does not have
WaitFor(["j1"])  # wrong: ids instead of handles
WaitFor(greet.draft("Ada"))  # wrong: one job instead of several


# Middleware and hooks.


@jobs.middleware
async def timed(job: JobContext, call_next: CallNext) -> object:
    job.log(f"{job.task} {job.meta.get('trace')}")
    return await call_next()


@jobs.middleware  # wrong: no async function
def not_async(job: JobContext, call_next: CallNext) -> object:
    return None


@jobs.middleware  # wrong: no call_next
async def without_next(job: JobContext) -> object:
    return job


@jobs.on("failed", "retried")
async def told(event: JobEvent) -> None:
    if isinstance(event, JobEnded):
        assert_type(event.seconds, float)
        assert_type(event.outcome.kind, OutcomeKind)


@jobs.on("started")
def told_at_once(event: JobEvent) -> None:
    assert_type(event.job, JobContext)


@jobs.on_startup
async def open_pool() -> None: ...


@jobs.on_shutdown
def close_pool() -> None: ...


jobs.on(5)  # wrong: no name of an event


@jobs.task(schedule=[Cron("0 9 * * mon-fri", tz="Europe/Paris"), Schedule(Every(minutes=5), id="often", missed=3)])
def recurring(tenant: str = "all") -> int:
    return len(tenant)


def schedules() -> None:
    info = jobs.schedules.upsert("acme", recurring.draft("acme"), Schedule(Every(seconds=5), overlap="skip"))
    assert_type(info.next_at, datetime | None)
    assert_type(jobs.schedules.pause("acme"), bool)
    jobs.schedules.upsert("acme", recurring.draft(5), Every(seconds=5))  # wrong: "int"
    jobs.schedules.upsert("acme", recurring.draft(), Schedule(Every(seconds=5), overlap="wait"))  # wrong: "wait"
    jobs.schedules.upsert("acme", recurring.draft(), "0 9 * * *")  # wrong: "str"
