"""Who reads the server does not learn what jobs are given and return."""

import json
import logging
import sys

import pytest
from click.testing import CliRunner
from security.conftest import NEW, OTHER, SECRET, dump
from waiting import await_until
from working import worker_of

from jobqueue import (
    Aggregate,
    Batch,
    Dedup,
    Encryption,
    Every,
    InvalidOption,
    JobQueue,
    JobState,
    Signing,
    UnreadableResult,
    current_job,
)
from jobqueue.cli.main import cli
from jobqueue.seal import Seal, is_encrypted
from jobqueue.signing import Binding, Distrusted

CANARY = "canary-7Kq21Zd"


def test_equal_arguments_of_different_jobs_look_different():
    seal = Seal(None, Encryption({"e": SECRET}), lambda: 0)
    text = b'{"task":"pay","args":{"to":"ada"}}'
    found = {seal.job(f"jq:{queue}", job_id, text, None)[0] for queue in "ab" for job_id in "cd"}
    assert len(found) == 4
    assert found == {seal.job(f"jq:{queue}", job_id, text, None)[0] for queue in "ab" for job_id in "cd"}
    assert all(is_encrypted(each) and b"ada" not in each for each in found)
    assert b"ada" not in seal.result("jq:a", "c", b'"ada"')


def test_a_key_is_taken_out_of_use_when_nothing_needs_it():
    old, both = Encryption({"old": OTHER}), Encryption({"new": NEW, "old": OTHER})
    binding = Binding("job", "jq:a", "b")
    assert both.decrypt(binding, "pay", old.encrypt(binding, "pay", b"x")) == b"x"
    with pytest.raises(Distrusted, match="key 'new', which is not known here"):
        old.decrypt(binding, "pay", both.encrypt(binding, "pay", b"x"))
    with pytest.raises(Distrusted, match="cannot be decrypted"):
        Encryption({"new": OTHER}).decrypt(binding, "pay", both.encrypt(binding, "pay", b"x"))


def test_without_the_package_it_is_refused_where_it_is_asked_for(monkeypatch):
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.ciphers.aead", None)
    with pytest.raises(InvalidOption, match=r"pip install 'jobqueue\[crypto\]'"):
        Encryption({"e": SECRET})


@pytest.mark.parametrize("signing", [None, Signing({"s": NEW})])
async def test_nothing_of_arguments_and_results_lies_in_the_server(of, raw, signing, caplog):
    """Run one of everything, and look for its arguments and results in all that the server has, and in all logs."""
    jobs = of(encryption=Encryption({"e": SECRET}), signing=signing)

    @jobs.task
    async def echo(text: str) -> str:
        return text

    @jobs.task(queue="other")
    async def gather() -> list[str]:
        return [each.result for each in await current_job().adependencies()]

    @jobs.task(batch=Batch(size=5, wait=0.05))
    async def together(items: list[str]) -> list[str]:
        return items

    @jobs.task(aggregate=Aggregate("items", size=2, quiet=60))
    async def joined(items: list[str]) -> list[str]:
        return items

    meta = {"tenant": CANARY}
    first = echo.using(meta=meta).enqueue(CANARY)
    after = gather.using(after=[first]).enqueue()
    others = [together.enqueue(CANARY), together.enqueue(CANARY)]
    gathered = [joined.enqueue([CANARY]), joined.enqueue([CANARY + "2"])][0]
    echo.using(delay=1000).enqueue(CANARY)
    echo.using(dedup=Dedup()).enqueue(CANARY)
    jobs.schedules.upsert("s", echo.using(meta=meta).draft(CANARY), Every(hours=1))
    schedule_job = jobs.schedules.trigger("s")

    with caplog.at_level(logging.DEBUG):
        async with worker_of(jobs):
            assert await after.aresult(10) == [CANARY]
            assert [await each.aresult(10) for each in others] == [CANARY, CANARY]
            assert await gathered.aresult(10) == [CANARY, CANARY + "2"]
            assert await schedule_job.aresult(10) == CANARY
            copy = await first.areplay()
            assert await copy.aresult(10) == CANARY
            assert CANARY.encode() not in dump(raw)
    assert CANARY.encode() not in dump(raw)
    assert CANARY not in caplog.text
    assert first.info().meta == meta


async def test_the_command_line_says_so_where_it_has_no_key(of, real_server, raw, monkeypatch):
    jobs = of(encryption=Encryption({"e": SECRET}))

    @jobs.task
    async def echo(text: str) -> str:
        return text

    done = await echo.using(id="done").aenqueue(CANARY)
    async with worker_of(jobs):
        await done.aresult(10)
    echo.using(id="waits", queue="later").enqueue(CANARY)
    monkeypatch.delenv("JOBQUEUE_REQUIRE_SERVERS", raising=False)  # it is no setting, and would be said to be none
    monkeypatch.setenv("JOBQUEUE_URL", real_server.url)

    def run(*words: str) -> str:
        found = CliRunner().invoke(cli, list(words), catch_exceptions=False)
        assert found.exit_code == 0, found.output
        return found.output

    page = run("job", "show", "done")
    assert [line.split() for line in page.splitlines() if "encrypted" in line] == [
        ["arguments", "encrypted"],
        ["result", "encrypted"],
    ]
    assert CANARY not in page
    assert "echo" in page
    members = json.loads(run("job", "show", "done", "--json"))
    assert (members["task"], members["args"], members["ending"]["result"]) == ("echo", None, "encrypted")
    assert [each["args"] for each in json.loads(run("job", "list", "--json", "-q", "later"))] == [None]

    monkeypatch.setenv("JOBQUEUE_ENCRYPTION_KEYS", "e:ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1-f4CBgoM")
    members = json.loads(run("job", "show", "done", "--json"))
    assert (members["args"], members["ending"]["result"]) == ({"text": CANARY}, CANARY)
    assert json.loads(run("job", "list", "--json", "-q", "later"))[0]["args"] == {"text": CANARY}
    shown = run("config", "show", "--json")
    assert "ZGVm" not in shown
    assert "ZGVm" not in run("config", "show", "--origin")
    assert json.loads(shown)["encryption_keys"]["value"] == "e"


async def test_a_worker_without_the_key_parks_and_one_with_it_goes_on(of):
    sealed = of(encryption=Encryption({"e": SECRET}))
    plain = of()
    wrong = of(encryption=Encryption({"e": OTHER}))
    for application in (sealed, plain, wrong):

        @application.task
        async def echo(text: str = "nothing") -> str:
            return text

    handle = sealed.task_named("echo").enqueue(CANARY)
    for application, why in ((plain, "there is no key for it here"), (wrong, "it cannot be decrypted")):
        async with worker_of(application):
            await await_until(lambda why=why: why in handle.info().parked, f"it is parked: {why}")
    in_the_clear = plain.task_named("echo").enqueue("clear")
    async with worker_of(sealed):
        assert await handle.aresult(10) == CANARY
        await await_until(lambda: in_the_clear.info().parked, "it is parked")
    assert "it is not encrypted" in in_the_clear.info().parked
    with pytest.raises(UnreadableResult, match="there is no key for it here"):
        plain.job("default", handle.id).result(1)
    with pytest.raises(UnreadableResult, match="cannot be decrypted"):
        wrong.job("default", handle.id).result(1)
    async with worker_of(of_lenient(of)):
        await await_until(lambda: in_the_clear.state() is JobState.COMPLETED, "it has run")


def of_lenient(of) -> JobQueue:
    """Return an application that accepts what is not encrypted, as while it is introduced."""
    application = of(encryption=Encryption({"e": SECRET}, require=False))

    @application.task
    async def echo(text: str = "nothing") -> str:
        return text

    return application


async def test_a_dependent_is_told_if_a_result_is_not_genuine(of, raw):
    jobs = of(encryption=Encryption({"e": SECRET}))

    @jobs.task
    async def echo(text: str) -> str:
        return text

    @jobs.task(queue="other")
    async def after() -> str:
        try:
            return str([each.result for each in current_job().dependencies()])
        except UnreadableResult as error:
            return str(error)

    first, second = echo.enqueue("a"), echo.enqueue("b")
    async with worker_of(jobs, queues=["default"]):
        await first.aresult(10)
        await second.aresult(10)
    outcomes = jobs.keys("default")["outcomes"]
    raw.hset(outcomes, first.id, raw.hget(outcomes, second.id))
    dependent = after.using(after=[first]).enqueue()
    async with worker_of(jobs):
        assert "cannot be decrypted" in await dependent.aresult(10)
    assert first.state() is JobState.COMPLETED
