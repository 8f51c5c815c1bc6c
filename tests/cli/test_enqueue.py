"""``jobqueue enqueue``: a job by the name of its task."""

import signal
from collections.abc import Callable
from datetime import timedelta

import pytest
from cli.commands import NOWHERE, Background, Shell
from servers import RunningServer

from jobqueue import JobQueue
from jobqueue.job import JobState

APP = """
import asyncio
from datetime import date
from jobqueue import JobQueue, Retry

jobs = JobQueue(lease=1.0)

@jobs.task
def add(a: int, b: int = 1) -> int:
    return a + b

@jobs.task(queue="mail", retry=Retry(attempts=1))
async def send(to: str, when: date | None = None) -> str:
    if to == "nobody":
        raise ValueError("bad address")
    return f"{to} {when}"

@jobs.task
async def wait(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "waited"
"""


@pytest.fixture
def app(application: Callable[..., None]) -> None:
    """Write the application."""
    application(APP)


def test_a_job_is_enqueued_by_name_and_its_id_printed(shell: Shell, producer: JobQueue):
    done = shell("enqueue", "add", "a=3", "name=Ada", 'tags=["x","y"]', "zip=01234", "none=null", "text=a=b", "nan=NaN")

    assert done.code == 0
    job = producer.queue("default").job(done.out.strip()).info()
    assert job.task == "add"
    assert job.args == {
        "a": 3, "name": "Ada", "tags": ["x", "y"], "zip": "01234", "none": None, "text": "a=b", "nan": "NaN",
    }  # fmt: skip
    assert done.err == "note: no worker takes jobs from queue 'default' now\n"


def test_options_of_a_job_are_given(shell: Shell, producer: JobQueue):
    arguments = ("enqueue", "add", "--args", '{"a": 3, "b": 4}', "b=5", "-q", "mail", "--id", "one", "--delay", "1h")

    done = shell(*arguments, "--json")
    again = shell(*arguments, "a=9", "--json")

    assert done.json == again.json == {"id": "one", "queue": "mail", "task": "add"}
    job = producer.queue("mail").job("one").info()
    assert job.args == {"a": 3, "b": 5}
    assert job.created_at is not None
    assert job.run_at == job.created_at + timedelta(hours=1)
    assert job.state is JobState.DELAYED


@pytest.mark.usefixtures("app")
def test_arguments_are_checked_with_the_application(shell: Shell, producer: JobQueue):
    wrong = {
        ("add", "a=x"): "argument 'a'",
        ("add",): "argument 'a' is missing",
        ("add", "a=1", "c=3"): "there is no parameter 'c'",
        ("ad", "a=1"): "there is no task 'ad' (did you mean 'add'?)",
        ("add", "a=1", "--prefix", "x"): "--prefix and --app exclude each other",
    }

    for done, text in zip(
        shell.all(*[("enqueue", "-A", "app:jobs", *arguments) for arguments in wrong]), wrong.values(), strict=True
    ):
        assert done.code == 2
        assert text in done.complaint
    assert producer.queues() == ()


@pytest.mark.usefixtures("app")
def test_the_application_says_into_which_queue_and_what_is_a_text(shell: Shell, producer: JobQueue):
    number, leading_zero, date, elsewhere = shell.all(
        ("enqueue", "-A", "app:jobs", "send", "to=5", "--json"),
        ("enqueue", "-A", "app", "send", "to=01234", "--json"),
        ("enqueue", "-A", "app:jobs", "send", "to=ada", "when=2026-02-28", "--json"),
        ("enqueue", "-A", "app:jobs", "add", "a=5", "-q", "other", "--json"),
    )

    mail, other = producer.queue("mail"), producer.queue("other")
    assert mail.job(number.json["id"]).info().args == {"to": "5"}
    assert mail.job(leading_zero.json["id"]).info().args == {"to": "01234"}
    assert mail.job(date.json["id"]).info().args == {"to": "ada", "when": "2026-02-28"}
    assert other.job(elsewhere.json["id"]).info().args == {"a": 5}


@pytest.mark.usefixtures("app")
def test_the_server_named_at_the_prompt_goes_before_the_applications(
    shell: Shell, application: Callable[..., None], real_server: RunningServer, producer: JobQueue
):
    application(APP.replace("lease=1.0", f"{NOWHERE!r}, prefix='shop'"), "elsewhere")

    own = shell("enqueue", "-A", "elsewhere:jobs", "add", "a=1")
    named = shell("enqueue", "-A", "elsewhere:jobs", "-u", real_server.url, "add", "a=1", "--id", "one")
    without = shell("enqueue", "-A", "app:jobs", "-u", real_server.url, "add", "a=1", "--id", "two", JOBQUEUE_URL="")

    assert own.code == 3
    assert NOWHERE in own.complaint
    assert (named.code, without.code) == (0, 0)
    assert [job["id"] for job in shell("job", "list", "--json", "--prefix", "shop").json] == ["one"]
    assert producer.queue("default").job("two").state() is JobState.WAITING


@pytest.mark.usefixtures("app")
def test_results_are_waited_for(shell: Shell, start: Callable[..., Background]):
    worker = start("worker", "app:jobs", "--shutdown-timeout", "0s")
    worker.says("takes jobs")

    result, as_json, text, failed, late, delayed, unknown = shell.all(
        ("enqueue", "add", "a=2", "--wait"),
        ("enqueue", "-A", "app:jobs", "add", "a=2", "b=2", "--wait", "--json"),
        ("enqueue", "send", "to=ada", "-q", "mail", "--wait", "--timeout", "20s"),
        ("enqueue", "-A", "app:jobs", "send", "to=nobody", "--wait"),
        ("enqueue", "wait", "seconds=60", "--wait", "--timeout", "0.1s"),
        ("enqueue", "add", "a=2", "--delay", "0.1s", "--wait"),
        ("enqueue", "ad", "a=2"),
    )

    assert (result.out, result.err) == ("3\n", "")
    assert as_json.json == {"id": as_json.json["id"], "queue": "default", "task": "add", "result": 4}
    assert text.out == '"ada None"\n'
    assert failed.code == 1
    assert failed.out == ""
    assert failed.err.startswith("Error: job ")
    assert "failed: ValueError: bad address\n" in failed.err
    assert 'raise ValueError("bad address")' in failed.err
    assert late.code == 1
    assert "has not ended within 0.1 s; it goes on" in late.complaint
    assert delayed.out == "3\n"
    assert unknown.err == "note: no worker of queue 'default' knows a task 'ad' now (did you mean 'add'?)\n"
    worker.signal(signal.SIGTERM)
    assert worker.code() == 0


@pytest.mark.usefixtures("app")
def test_whoever_waits_for_a_job_that_does_not_run_is_told_why(
    shell: Shell, producer: JobQueue, start: Callable[..., Background]
):
    producer.queue("mail").enqueue("send", {"to": "ada"})
    producer.queue("mail").pause()
    worker = start("worker", "app:jobs", "--shutdown-timeout", "0s")
    worker.says("takes jobs")

    parked, paused = shell.all(
        ("enqueue", "add", "a=x", "--wait", "--timeout", "2.1s"),
        ("enqueue", "send", "to=ada", "-q", "mail", "--wait", "--timeout", "2.1s"),
    )

    assert parked.code == paused.code == 1
    assert " is waiting: parked: add(): argument 'a': Input should be a valid integer" in parked.err
    assert " is waiting: queue 'mail' is paused\n" in paused.err


def test_waiting_is_interrupted_and_the_job_goes_on(producer: JobQueue, start: Callable[..., Background]):
    waiting = start("enqueue", "add", "a=1", "--id", "one", "--wait")
    waiting.says("no worker takes jobs")

    waiting.signal(signal.SIGINT)

    assert waiting.code() == 130
    assert "job one goes on" in waiting.log
    assert waiting.log.splitlines()[-1] == "Error: interrupted"
    assert "Traceback" not in waiting.log
    assert producer.queue("default").job("one").state() is JobState.WAITING


def test_a_job_that_is_not_as_safe_as_was_asked_for_is_named(shell: Shell, producer: JobQueue):
    shell.variables["JOBQUEUE_DURABILITY_TIMEOUT"] = "50ms"
    late, refused, unknown = shell.all(
        ("enqueue", "add", "--id", "j1", "--durability", "replica"),
        ("enqueue", "add", "--id", "j2", "--durability", "fsync"),
        ("enqueue", "add", "--durability", "disk"),
    )

    assert (late.code, late.out) == (1, "")
    assert "j1 in default is enqueued" in late.complaint
    assert producer.job("default", "j1").info().state is JobState.WAITING
    assert refused.code == 1
    assert "keeps no file of commands (appendonly no)" in refused.complaint
    assert unknown.code == 2
    assert [job.id for job in producer.queue("default").jobs("waiting")] == ["j1"]
