"""``jobqueue job``: looking at jobs, and changing what becomes of them."""

import json
from collections.abc import Iterator
from datetime import datetime

import pytest
from cli.commands import Shell
from desk import Desk
from servers import RunningServer

from jobqueue import JobQueue, Retry, current_job
from jobqueue.job import JobState
from jobqueue.worker.worker import Worker

LISTED = {
    "id", "queue", "task", "state", "args", "meta", "created_at", "run_at", "started_at", "worker", "token", "parked",
    "key", "counts", "ending", "unread",
}  # fmt: skip
SHOWN = LISTED | {
    "cancelling",
    "priority",
    "expires_at",
    "dedup",
    "waiting_for",
    "schedule",
    "slot",
    "progress",
    "version",
    "history",
    "replay_of",
    "replays",
}
ENDING = {
    "outcome", "started_at", "finished_at", "worker", "token", "result", "error_type", "message",
    "traceback", "fingerprint",
}  # fmt: skip


@pytest.fixture
def shop(real_server: RunningServer) -> Iterator[JobQueue]:
    """Return an application with a task that works, and one that fails."""
    shop = JobQueue(real_server.url)

    @shop.task
    def add(a: int, b: int = 1) -> int:
        current_job().log(f"adding {a} and {b}")
        current_job().log("done")
        current_job().progress(0.5)
        return a + b

    @shop.task(queue="mail", retry=Retry(attempts=2, backoff=0))
    def send(to: str) -> None:
        raise ValueError(f"bad address {to}")

    yield shop
    shop.close()


def run_all(shop: JobQueue) -> None:
    for _ in range(2):  # what the first run has put back for another attempt is for the second
        Worker(shop, burst=True).run()


@pytest.fixture
def seven(shop: JobQueue) -> dict[str, str]:
    """Return the ids of jobs, one in each state but active, and a parked one."""
    add, send = shop.task_named("add"), shop.task_named("send")
    shop.enqueue(add.using(id="done", meta={"trace": "t1"}).draft(2, b=3))
    shop.enqueue(send.using(id="failed").draft("ada"))
    shop.queue("default").enqueue("nosuch", {"x": 1}, id="parked")
    run_all(shop)
    shop.enqueue(add.using(id="waiting").draft(1))
    shop.enqueue(add.using(id="later", delay=3600).draft(1))
    shop.enqueue(add.using(id="off", queue="mail").draft(1)).cancel("not needed")
    first = shop.queue("default").job("waiting")
    shop.enqueue(add.using(id="blocked", key="acme", priority=5, expires=3600, after=first).draft(1))
    return {job: job for job in ("done", "failed", "parked", "waiting", "later", "off", "blocked")}


@pytest.mark.usefixtures("seven")
def test_all_jobs_are_listed_with_all_that_is_known_of_them_at_once(shell: Shell, shop: JobQueue):
    listed = shell("job", "list", "--json").json

    assert [job["id"] for job in listed] == ["waiting", "parked", "later", "blocked", "done", "failed", "off"]
    assert all(set(job) == LISTED for job in listed)
    by_id = {job["id"]: job for job in listed}
    for job in by_id.values():
        info = shop.queue(job["queue"]).job(job["id"]).info()
        assert (job["task"], job["state"], job["args"], job["meta"]) == (info.task, info.state, info.args, info.meta)
        assert datetime.fromisoformat(job["created_at"]) == info.created_at
        assert job["counts"] == info.counts._asdict()
    assert by_id["done"]["ending"].keys() == ENDING
    assert by_id["done"]["ending"]["result"] == 5
    assert by_id["done"]["meta"] == {"trace": "t1"}
    assert by_id["failed"]["ending"]["error_type"] == "ValueError"
    assert by_id["failed"]["ending"]["message"] == "bad address ada"
    assert by_id["failed"]["counts"]["failures"] == 2
    assert by_id["off"]["ending"]["message"] == "not needed"
    assert by_id["parked"]["parked"] == "no task 'nosuch' is known here"
    assert by_id["later"]["run_at"] > by_id["later"]["created_at"]
    assert by_id["waiting"]["ending"] is None
    assert (by_id["blocked"]["key"], by_id["waiting"]["key"]) == ("acme", None)


@pytest.mark.usefixtures("seven")
def test_the_table_has_a_row_for_each_job_that_says_what_matters(shell: Shell):
    done = shell("job", "list")
    heading, *rows = done.out.splitlines()

    assert heading.split() == ["ID", "QUEUE", "TASK", "STATE", "ENQUEUED", "DETAIL"]
    cells = {row.split()[0]: row for row in rows}
    assert cells["waiting"].split()[1:4] == ["default", "add", "waiting"]
    assert cells["parked"].endswith("parked: no task 'nosuch' is known here")
    assert cells["blocked"].split()[1:4] == ["default", "add", "blocked"]
    assert cells["later"].split("due in ")[1] in {"1h", "59m 59s", "59m 58s"}
    assert "completed " in cells["done"]
    assert cells["failed"].endswith("ValueError: bad address ada")
    assert cells["off"].endswith(": not needed")
    assert {row.index("ago") > heading.index("ENQUEUED") for row in rows} == {True}
    assert all(row[heading.index("STATE") - 2 : heading.index("STATE")] == "  " for row in rows)
    assert "\x1b" not in done.out
    assert all(line == line.rstrip() for line in done.out.splitlines())
    assert done.err == ""


@pytest.mark.usefixtures("seven")
def test_jobs_are_listed_by_queue_state_and_task(shell: Shell):
    by_queue, by_state, by_task, parked, blocked, one, none = shell.all(
        ("job", "list", "--json", "-q", "mail"),
        ("job", "list", "--json", "-s", "completed"),
        ("job", "list", "--json", "-t", "add"),
        ("job", "list", "--json", "--state", "parked", "--queue", "default"),
        ("job", "list", "--json", "--state", "blocked"),
        ("job", "list", "-n", "2"),
        ("job", "list", "-t", "nosuch", "-q", "mail"),
    )

    assert [job["id"] for job in by_queue.json] == ["failed", "off"]
    assert [job["id"] for job in by_state.json] == ["done"]
    assert [job["id"] for job in by_task.json] == ["waiting", "later", "blocked", "done", "off"]
    assert [job["id"] for job in parked.json] == ["parked"]
    assert [job["id"] for job in blocked.json] == ["blocked"]
    assert len(one.out.splitlines()) == 3
    assert one.err == "... the first 2; --limit shows more\n"
    assert none.out == "no jobs\n"


def test_an_empty_server_has_no_jobs(shell: Shell):
    text, as_json = shell.all(("job", "list"), ("job", "list", "--json"))

    assert text.out == "no jobs\n"
    assert as_json.json == []


@pytest.mark.usefixtures("seven")
def test_a_list_that_just_fits_is_not_said_to_go_on(shell: Shell):
    assert shell("job", "list", "-n", "7").err == ""


@pytest.mark.usefixtures("seven")
def test_a_job_is_shown_with_everything_about_it(shell: Shell, shop: JobQueue):
    as_json, text, failed = shell.all(
        ("job", "show", "done", "--json"), ("job", "show", "done"), ("job", "show", "failed")
    )
    job, info = as_json.json, shop.queue("default").job("done").info()

    assert job.keys() == SHOWN
    assert job["ending"]["result"] == 5
    assert job["progress"] == 0.5
    assert job["worker"] == info.worker
    assert job["token"] == info.token
    facts = dict(line.split(maxsplit=1) for line in text.out.splitlines())
    assert facts["id"] == "done"
    assert facts["arguments"] == '{"a":2,"b":3}'
    assert facts["meta"] == '{"trace":"t1"}'
    assert facts["state"] == "completed"
    assert facts["result"] == "5"
    assert "parked" not in facts
    assert "counts     failures 2" in failed.out
    assert failed.out.count("ValueError: bad address ada") == 4  # two executions, with a traceback each
    assert "\nretried " in failed.out
    assert "\nfailed " in failed.out
    assert "in send" in failed.out


@pytest.mark.usefixtures("seven")
def test_a_job_is_shown_with_how_it_is_steered(shell: Shell, shop: JobQueue):
    as_json, text, plain = shell.all(
        ("job", "show", "blocked", "--json"), ("job", "show", "blocked"), ("job", "show", "waiting", "--json")
    )
    job, info = as_json.json, shop.queue("default").job("blocked").info()

    assert job.keys() == SHOWN
    assert (job["state"], job["key"], job["priority"], job["waiting_for"]) == ("blocked", "acme", 5, 1)
    assert datetime.fromisoformat(job["expires_at"]) == info.expires_at
    assert [plain.json[name] for name in ("key", "priority", "expires_at", "dedup", "waiting_for")] == [
        None, 0, None, None, 0,
    ]  # fmt: skip
    facts = {line[:11].strip(): line[11:] for line in text.out.splitlines()}
    assert (facts["state"], facts["waits for"], facts["key"], facts["priority"]) == ("blocked", "1 job", "acme", "5")
    assert "(in " in facts["expires"]


def test_the_history_of_a_job_is_shown_with_each_outcome(shell: Shell, shop: JobQueue):
    shop.enqueue(shop.task_named("send").using(id="failed").draft("ada"))
    run_all(shop)

    history = shell("job", "show", "failed", "--json").json["history"]

    assert [(run["outcome"], run["error_type"]) for run in history] == [("retried", "ValueError")]
    assert "bad address ada" in history[0]["traceback"]


def test_failed_and_cancelled_jobs_are_retried_and_others_are_not(shell: Shell, shop: JobQueue, seven: dict[str, str]):
    done = shell("job", "retry", "failed", "done", "off", "--json")

    assert done.code == 1
    assert done.json == [
        {"id": "failed", "queue": "mail", "state": "waiting"},
        {"id": "off", "queue": "mail", "state": "waiting"},
    ]
    assert done.complaint == "Error: job done is completed: only failed and cancelled jobs can be retried"
    assert shop.queue("mail").job(seven["failed"]).state() is JobState.WAITING
    assert shop.queue("default").job(seven["done"]).state() is JobState.COMPLETED
    assert shell("job", "show", "failed", "--json").json["counts"]["failures"] == 0


def test_a_retried_job_is_reported(shell: Shell, seven: dict[str, str]):
    done = shell("job", "retry", seven["failed"])

    assert (done.code, done.out, done.err) == (0, "job failed is waiting\n", "")


def test_jobs_are_cancelled_where_they_are(shell: Shell, shop: JobQueue, seven: dict[str, str]):
    Desk(shop.connections.sync_client(), shop.keys("default"), "w1").claim(1)

    done = shell("job", "cancel", "waiting", "later", "parked", "off", "done", "--reason", "stock is gone")

    assert done.code == 1
    assert done.out.splitlines() == [
        "job waiting is asked to stop",
        "job later is cancelled",
        "job parked is cancelled",
        "job off is cancelled",
    ]
    assert done.complaint == "Error: job done is completed: it has ended, and cannot be cancelled any more"
    later, waiting = (
        shop.queue("default").job(seven["later"]).info(),
        shop.queue("default").job(seven["waiting"]).info(),
    )
    assert later.ending is not None
    assert later.ending.message == "stock is gone"
    assert waiting.cancelling
    assert "active (asked to stop)" in shell("job", "show", "waiting").out


def test_cancelling_tells_the_states_in_json(shell: Shell, shop: JobQueue, seven: dict[str, str]):
    Desk(shop.connections.sync_client(), shop.keys("default"), "w1").claim(1)

    done = shell("job", "cancel", seven["waiting"], seven["later"], "--json")

    assert done.code == 0
    assert [job["state"] for job in done.json] == ["active", "cancelled"]


def test_jobs_are_removed_if_one_agrees(shell: Shell, shop: JobQueue, seven: dict[str, str]):
    refused = shell("job", "remove", seven["done"], stdin="n\n")
    unanswered = shell("job", "remove", seven["done"])
    agreed = shell("job", "remove", seven["done"], seven["failed"], stdin="y\n")

    assert (refused.code, unanswered.code, agreed.code) == (1, 1, 0)
    assert "nothing was removed" in refused.err
    assert "--yes" in unanswered.err
    assert "Delete 2 jobs for good?" in agreed.err
    assert agreed.out == "job done is removed\njob failed is removed\n"
    assert shell("job", "show", "done").code == 1
    assert [job.id for job in shop.queue("default").jobs("completed")] == []


def test_jobs_are_removed_without_a_question_but_not_while_they_run(
    shell: Shell, shop: JobQueue, seven: dict[str, str]
):
    Desk(shop.connections.sync_client(), shop.keys("default"), "w1").claim(1)

    done = shell("job", "remove", "--yes", seven["waiting"], seven["later"], "--json")

    assert done.code == 1
    assert done.json == [{"id": "later", "queue": "default", "state": "removed"}]
    assert "job waiting is active: cancel it first" in done.complaint


def test_if_one_of_the_jobs_does_not_exist_none_is_touched(shell: Shell, shop: JobQueue, seven: dict[str, str]):
    done = shell("job", "remove", "-y", seven["later"], "nosuch")

    assert done.code == 1
    assert "'nosuch'" in done.complaint
    assert shop.queue("default").job(seven["later"]).state() is JobState.DELAYED


@pytest.mark.usefixtures("seven")
def test_what_a_job_has_logged_is_shown(shell: Shell):
    text, as_json, silent = shell.all(
        ("job", "logs", "done"), ("job", "logs", "done", "--json"), ("job", "logs", "waiting")
    )

    assert [line.split(maxsplit=2)[2] for line in text.out.splitlines()] == ["adding 2 and 3", "done"]
    assert [line["text"] for line in as_json.json] == ["adding 2 and 3", "done"]
    assert all(datetime.fromisoformat(line["at"]).tzinfo for line in as_json.json)
    assert (silent.code, silent.out, silent.err) == (0, "", "job waiting has logged nothing\n")


def test_an_id_that_two_queues_have_needs_the_queue(shell: Shell, producer: JobQueue):
    for queue in ("mail", "parcels"):
        producer.queue(queue).enqueue("send", {"by": queue}, id="one")

    unclear, clear, elsewhere = shell.all(
        ("job", "show", "one"),
        ("job", "show", "one", "-q", "parcels", "--json"),
        ("job", "show", "one", "-q", "parcel"),
    )

    assert (unclear.code, clear.code, elsewhere.code) == (1, 0, 1)
    assert "queues mail and parcels have a job 'one' each: choose one by --queue" in unclear.complaint
    assert clear.json["args"] == {"by": "parcels"}
    assert "did you mean 'parcels'" in elsewhere.complaint


def test_jobs_of_another_prefix_are_seen_with_that_prefix(shell: Shell, real_server: RunningServer):
    with_prefix = JobQueue(real_server.url, prefix="shop")
    with_prefix.queue("mail").enqueue("send", {}, id="one")
    with_prefix.close()

    without, given, by_environment = (
        shell("job", "list", "--json"),
        shell("job", "list", "--json", "--prefix", "shop"),
        shell("job", "list", "--json", JOBQUEUE_PREFIX="shop"),
    )

    assert without.json == []
    assert [job["id"] for job in given.json] == ["one"]
    assert json.loads(by_environment.out) == given.json


def test_a_job_with_a_specification_that_cannot_be_read_is_shown_all_the_same(shell: Shell, producer: JobQueue):
    producer.queue("mail").enqueue("send", {}, id="broken")
    producer.connections.sync_client().redis.hset(producer.keys("mail")["jobs"], "broken", b"{")

    shown, listed = shell.all(("job", "show", "broken"), ("job", "list"))

    assert "task       ?" in shown.out
    assert "broken  mail   ?" in listed.out
