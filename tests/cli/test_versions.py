"""Two versions of an application, each with a worker of its own, as during a deploy."""

from waiting import wait_until

OLD = """
from jobqueue import JobQueue

jobs = JobQueue()

@jobs.task
def send(to: str) -> str:
    return f"old: {to}"
"""

NEW = """
from jobqueue import JobQueue

jobs = JobQueue()

@jobs.task(name="mail.send", version=2, aliases=["send"])
def send(to: list[str]) -> str:
    return f"new: {to}"

@send.upcast(1)
def several(args):
    return {"to": [args["to"]]}

@jobs.task(version=2, run="process")
def apart(n: int) -> int:
    return n

@apart.upcast(1)
def doubled(args):
    return {"n": args["n"] * 2}
"""


def test_an_old_and_a_new_worker_share_a_queue(application, shell, start, producer):
    application(OLD, "old")
    application(NEW, "new")
    started = start("worker", "old:jobs")
    started.says("takes jobs from")

    def enqueue(app: str, **arguments: object) -> str:
        texts = [f"{name}={value}" for name, value in arguments.items()]
        return shell("enqueue", "send", *texts, "--app", app).out.strip()

    newer = producer.queue("default").job(enqueue("new:jobs", to='["a@b.c"]'))
    wait_until(lambda: newer.info().parked, "it is parked")
    page = shell("job", "show", newer.id).out
    assert "it needs version 2 of task 'send', and version 1 is known here" in page
    assert ["version", "2"] in [line.split() for line in page.splitlines()]
    assert shell("job", "show", newer.id, "--json").json["version"] == 2
    older = producer.queue("default").job(enqueue("old:jobs", to="a@b.c"))
    assert older.result(10) == "old: a@b.c"
    assert "version " not in shell("job", "show", older.id).out

    start("worker", "new:jobs").says("takes jobs from")

    assert newer.result(10) == "new: ['a@b.c']"
    apart = producer.queue("default").enqueue("apart", {"n": 2})
    assert apart.result(20) == 4
    news = [producer.queue("default").job(enqueue("new:jobs", to=f'["{n}"]')) for n in range(3)]
    assert producer.results(news, 20) == [f"new: ['{n}']" for n in range(3)]
