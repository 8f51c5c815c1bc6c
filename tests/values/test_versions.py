"""Versions of tasks, upcasters, and former names."""

import asyncio
import json
import subprocess
import sys
from functools import partial

import pytest

from jobqueue import JobQueue, TaskAlreadyDefined, TaskSet
from jobqueue.errors import InvalidName, InvalidOption
from jobqueue.job import Specification, specification_text
from jobqueue.versions import Upcasters, UpcastFailed, is_version, newer

# -- versions ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [1, 2, 20_261_231, 999_999_999_999_999])
def test_a_version_is_a_whole_number_from_one(version):
    assert is_version(version)
    assert Specification.parse(specification_text("greet", b"{}", version=version)).version == version


@pytest.mark.parametrize("version", [0, -1, 1.0, 1.5, True, "1", None, [], 10**15])
def test_anything_else_is_none(version):
    with pytest.raises(InvalidOption, match="version must be a whole number from 1 to 999999999999999, not"):
        TaskSet().task(version=version)(print)


@pytest.mark.parametrize("text", [b"0", b"-1", b"1.0", b"true", b'"2"', b"[]", b"1000000000000000"])
def test_a_specification_with_another_version_is_refused(text):
    with pytest.raises(ValueError, match="the member 'version' of a specification is a whole number from 1"):
        Specification.parse(b'{"task":"greet","version":%b}' % text)


def test_only_a_version_after_the_first_is_written():
    tasks = TaskSet()

    @tasks.task
    def first(a: int) -> None: ...

    @tasks.task(version=3)
    def third(a: int) -> None: ...

    assert first.draft(1).specification == b'{"task":"first","args":{"a":1}}'
    assert json.loads(third.draft(1).specification) == {"task": "third", "args": {"a": 1}, "version": 3}
    assert json.loads(third.draft_json({"a": 1}).specification)["version"] == 3
    assert json.loads(third.using(timeout=5).draft(1).specification)["version"] == 3
    assert Specification.parse(b'{"task":"greet"}').version == 1
    assert Specification.parse(b'{"task":"greet","version":null}').version == 1


def test_what_waits_for_a_newer_version_comes_after_all_else_and_in_order():
    waiting = [newer(version) for version in (2, 9, 10, 100, 999_999_999_999_999)]
    assert sorted(waiting) == waiting
    others = ["", "0.1.0", "ffffffffffff"]
    assert max(f"greet|{other}|zzz" for other in others) < f"greet|{waiting[0]}|000"


# -- upcasters ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def tasks():
    return TaskSet()


@pytest.fixture
def send(tasks):
    """Return a task at version 4."""

    @tasks.task(version=4)
    def send(to: list[str], subject: str) -> None: ...

    return send


def test_the_arguments_of_older_versions_go_through_each_step(send):
    def of_one(args):
        return {"to": args["address"]}

    assert send.upcast(1)(of_one) is of_one

    @send.upcast(3)
    def of_three(args):
        args["to"] = [args["to"]]
        return args

    old = {"address": "a@b.c"}
    assert send.upcasters.apply(old, 1) == {"to": ["a@b.c"]}
    assert send.upcasters.apply({"to": "a@b.c"}, 2) == {"to": ["a@b.c"]}
    assert send.upcasters.apply({"to": "a@b.c"}, 3) == {"to": ["a@b.c"]}
    assert send.upcasters.apply({"to": ["a@b.c"]}, 4) == {"to": ["a@b.c"]}
    assert old == {"address": "a@b.c"}


def test_options_of_jobs_keep_the_upcasters(send):
    send.using(delay=5).upcast(3)(lambda args: {"seen": True})
    assert send.upcasters.apply({}, 1) == {"seen": True}


@pytest.mark.parametrize(
    ("returned", "reason"), [(None, "returned a NoneType"), ([("to", 1)], "returned a list"), ("{}", "returned a str")]
)
def test_an_upcaster_that_returns_no_arguments_is_named(send, returned, reason):
    @send.upcast(2)
    def broken(args):
        return returned

    with pytest.raises(
        UpcastFailed, match=rf"broken, the upcaster of task 'send' from version 2, {reason}, not a dict"
    ):
        send.upcasters.apply({}, 1)


@pytest.mark.parametrize("error", [KeyError("to"), SystemExit(1)])
def test_an_upcaster_that_raises_is_named(send, error):
    @send.upcast(2)
    def broken(args):
        raise error

    with pytest.raises(UpcastFailed, match=f"broken, the .* from version 2, raised {type(error).__name__}") as caught:
        send.upcasters.apply({}, 2)
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("version", [4, 5])
def test_an_upcaster_reads_older_versions_only(send, version):
    with pytest.raises(InvalidOption, match=f"version {version} of task 'send', which is at version 4") as caught:
        send.upcast(version)(dict)
    assert f"@jobs.task(version={version + 1})" in str(caught.value)


@pytest.mark.parametrize("version", [0, -1, "1", True, dict])
def test_an_upcaster_reads_a_version(send, version):
    with pytest.raises(InvalidOption, match="the version that an upcaster of task 'send' reads must be a whole number"):
        send.upcast(version)


def test_a_version_has_one_upcaster(send):
    @send.upcast(1)
    def first(args):
        return args

    with pytest.raises(InvalidOption, match=r"two upcasters for version 1, .*first and .*second: take one"):

        @send.upcast(1)
        def second(args):
            return args


def test_an_upcaster_is_a_plain_function(send):
    async def later(args):
        return args

    for wrong in (later, {"a": 1}):
        with pytest.raises(TypeError, match="@upcast decorates a plain function"):
            send.upcast(1)(wrong)


def test_the_fingerprint_changes_with_the_version_and_each_upcaster():
    seen = set()
    for version in (1, 2, 3):
        upcasters = Upcasters("send", version)
        seen.add(upcasters.fingerprint("f"))
        if version > 1:
            upcasters.add(1, lambda args: {"a": args})
            seen.add(upcasters.fingerprint("f"))
            others = Upcasters("send", version)
            others.add(1, lambda args: {"b": args})
            seen.add(others.fingerprint("f"))
            seen.add(others.fingerprint("g"))
    assert len(seen) == 1 + 4 + 4
    assert all(" " not in each and "|" not in each for each in seen)
    assert Upcasters("send", 1).fingerprint("f") == "f"


def test_an_upcaster_may_be_anything_that_is_called():
    upcasters = Upcasters("send", 2)
    upcasters.add(1, partial(dict, b=2))
    assert upcasters.apply({"a": 1}, 1) == {"a": 1, "b": 2}
    assert upcasters.fingerprint("f")


PROGRAM = """
from jobqueue import TaskSet
tasks = TaskSet()
@tasks.task(version=2)
def send(to: str) -> None: ...
@send.upcast(1)
def first(args):
    return {name: [each for each in "xyz"] for name in args if name in {"a", "b", "c", "d"}} or (lambda: {"e": None})()
print(send.fingerprint)
"""


def test_the_fingerprint_is_the_same_in_every_process():
    found = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(found) == 1
    assert len(found.pop().strip()) == 12


# -- former names ------------------------------------------------------------------------------------------------------


def test_a_task_is_found_under_the_names_it_had(tasks):
    @tasks.task(name="mail.send", aliases=["send", "send_mail"])
    def send() -> None: ...

    assert tasks.get("mail.send") is tasks.get("send") is tasks.get("send_mail") is send
    assert tasks.get("mail") is None
    assert list(tasks) == [send]
    assert len(tasks) == 1
    assert send.names == ("mail.send", "send", "send_mail")
    tasks.add(send)
    assert len(tasks) == 1
    jobs = JobQueue()
    jobs.include(tasks)
    assert jobs.task_named("send") is send
    assert len(jobs) == 1


def test_a_job_by_name_keeps_the_name_that_was_given():
    jobs = JobQueue()

    @jobs.task(name="mail.send", version=2, aliases=["send"])
    def send(to: str) -> None: ...

    draft = jobs.queue("default").draft("send", {"to": "a@b.c"})
    assert draft.task == "send"
    assert json.loads(draft.specification) == {"task": "send", "args": {"to": "a@b.c"}, "version": 2}
    assert jobs.queue("default").draft("mail.send", {"to": "a@b.c"}).task == "mail.send"
    assert send.draft("a@b.c").task == "mail.send"
    with pytest.raises(TypeError, match="'to' is missing"):
        jobs.queue("default").draft("send", {})


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ({"name": "a"}, {"name": "a"}, "two tasks 'a'"),
        ({"name": "a"}, {"name": "b", "aliases": ["a"]}, "'a' is the name of .* and an alias of task 'b'"),
        ({"name": "a", "aliases": ["b"]}, {"name": "b"}, "'b' is an alias of task 'a' .* and the name of"),
        ({"name": "a", "aliases": ["c"]}, {"name": "b", "aliases": ["c"]}, "an alias of task 'a' .* an alias of task"),
    ],
)
def test_a_name_leads_to_one_task(tasks, first, second, message):
    kept = tasks.task(**first)(lambda: None)
    with pytest.raises(TaskAlreadyDefined, match=message):
        tasks.task(**{"aliases": ["new"], **second})(lambda: None)
    assert list(tasks) == [kept]
    assert tasks.get("new") is None


@pytest.mark.parametrize(
    ("aliases", "error", "message"),
    [
        ("send", InvalidOption, r"aliases must be a list of names, such as \['old.name'\], not 'send'"),
        (5, InvalidOption, "aliases must be a list of names"),
        (None, InvalidOption, "aliases must be a list of names"),
        (["send mail"], InvalidName, "alias 'send mail'"),
        ([5], InvalidName, "alias 5"),
        (["a", "b", "a"], InvalidOption, r"a name is given twice in \['a', 'b', 'a'\]"),
        (["mail.send"], InvalidOption, "'mail.send' is the name of the task itself"),
    ],
)
def test_an_alias_that_cannot_work_is_refused(tasks, aliases, error, message):
    with pytest.raises(error, match=message):
        tasks.task(name="mail.send", aliases=aliases)(print)


def test_a_coroutine_function_has_versions_too(tasks):
    @tasks.task(version=2)
    async def send(to: str) -> str:
        return to

    @send.upcast(1)
    def first(args):
        return args

    assert asyncio.run(send("a@b.c")) == "a@b.c"
