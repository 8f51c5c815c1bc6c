"""What people type wrong. Each mistake gets one line that says what is wrong, and an exit code."""

from collections.abc import Callable
from pathlib import Path

import pytest
from cli.commands import NOWHERE, Finished, Shell
from servers import RunningServer

# Arguments, exit code, and what the line must say: what is wrong, with which value, what to do.
MISTAKES: dict[str, tuple[tuple[str, ...], int, list[str]]] = {
    "mistyped command": (("statu",), 2, ["'statu'", "did you mean 'status'", "--help"]),
    "mistyped command of a group": (("job", "lst"), 2, ["'lst'", "did you mean 'list'", "jobqueue job --help"]),
    "mistyped option": (("status", "--jso"), 2, ["--jso", "--json"]),
    "option before the command": (("-u", NOWHERE, "status"), 2, ["-u", "go after it"]),
    "too many arguments": (("status", "mail"), 2, ["mail", "jobqueue status --help"]),
    "no server there": (("status", "-u", NOWHERE), 3, [NOWHERE, "not available", "Is it running?", "jobqueue dev"]),
    "server with a password": (("status", "-u", "redis://ada:hunter2@127.0.0.1:1/0"), 3, ["ada:***@127.0.0.1:1/0"]),
    "no such host": (("queue", "list", "-u", "redis://no.such.host.invalid"), 3, ["no.such.host.invalid"]),
    "no such socket": (("job", "list", "-u", "unix:///no/such.sock"), 3, ["/no/such.sock", "not available"]),
    "enqueueing into nowhere": (("enqueue", "add", "-u", NOWHERE), 3, [NOWHERE]),
    "foreign URL": (("status", "-u", "http://localhost"), 2, ["'http://localhost'", "redis://"]),
    "mistyped scheme": (("status", "-u", "rediss//localhost"), 2, ["rediss"]),
    "bad database": (("status", "-u", "redis://localhost:x"), 2, ["redis://localhost:x"]),
    "database that is a name": (("status", "-u", "redis://localhost/shop"), 2, ["redis://localhost/shop", "number"]),
    "unknown option of a URL": (("status", "-u", "redis://localhost?foo=bar"), 2, ["'foo'", "no option", "foo=***"]),
    "bad prefix": (("status", "--prefix", "a b"), 2, ["'a b'", "characters"]),
    "unknown state": (("job", "list", "-s", "faild"), 2, ["'faild'", "'failed'"]),
    "no limit": (("job", "list", "-n", "0"), 2, ["--limit", "0", "1<=x<=1000000"]),
    "limit without a bound": (("job", "list", "-n", "9" * 21), 2, ["--limit", "1<=x<=1000000"]),
    "limit of failed jobs without a bound": (("failed", "list", "-n", "9" * 21), 2, ["--limit", "1<=x<=1000000"]),
    "negative limit": (("job", "list", "-n", "-3"), 2, ["--limit", "-3"]),
    "limit that is no number": (("job", "list", "-n", "all"), 2, ["--limit", "'all'"]),
    "unknown queue": (("job", "list", "-q", "nosuch"), 1, ["'nosuch'", "never used"]),
    "no name of a queue": (("job", "list", "-q", "a b"), 2, ["'a b'", "characters"]),
    "unknown job": (("job", "show", "nosuch"), 1, ["'nosuch'", "no queue has a job"]),
    "unknown job to cancel": (("job", "cancel", "nosuch"), 1, ["'nosuch'"]),
    "unknown job to retry": (("job", "retry", "nosuch"), 1, ["'nosuch'"]),
    "unknown job to remove": (("job", "remove", "-y", "nosuch"), 1, ["'nosuch'"]),
    "unknown job whose log is wanted": (("job", "logs", "nosuch"), 1, ["'nosuch'"]),
    "unknown job to explain": (("explain", "nosuch"), 1, ["'nosuch'", "no queue has a job"]),
    "unknown queue of a job to explain": (("explain", "one", "-q", "nosuch"), 1, ["'nosuch'", "never used"]),
    "explaining nothing": (("explain",), 2, ["ID", "jobqueue explain --help"]),
    "explaining without a server": (("explain", "one", "-u", NOWHERE), 3, [NOWHERE, "not available"]),
    "unknown job whose timeline is wanted": (("job", "timeline", "nosuch"), 1, ["'nosuch'"]),
    "timeline without a server": (("job", "timeline", "one", "-u", NOWHERE), 3, [NOWHERE, "not available"]),
    "unknown job to replay": (("job", "replay", "nosuch"), 1, ["'nosuch'"]),
    "unknown queue of a job to replay": (("job", "replay", "one", "-q", "nosuch"), 1, ["'nosuch'", "never used"]),
    "no job to replay": (("job", "replay"), 2, ["ID", "jobqueue job replay --help"]),
    "debugging a file": (("job", "debug", "one", "app.py"), 2, ["'app.py'", "app:jobs"]),
    "debugging without an application": (("job", "debug", "one"), 2, ["MODULE:NAME", "jobqueue job debug --help"]),
    "empty condition": (("job", "cancel", "--where", "", "-y"), 2, ["--where", "it is empty", "give --state"]),
    "blank condition": (("job", "remove", "-w", " ", "-y"), 2, ["--where", "it is empty"]),
    "empty condition of failed jobs": (("failed", "remove", "-w", "", "-y"), 2, ["leave --where out"]),
    "beginning of an id that is too short": (("job", "show", "abc"), 1, ["'abc'", "at least 4 characters"]),
    "no job": (("job", "retry"), 2, ["ID", "jobqueue job retry --help"]),
    "queue to pause that is not there": (("queue", "pause", "nosuch"), 1, ["'nosuch'", "never used"]),
    "queue to resume that is not there": (("queue", "resume", "nosuch"), 1, ["'nosuch'"]),
    "no queue to pause": (("queue", "pause"), 2, ["NAME"]),
    "no task": (("enqueue",), 2, ["TASK"]),
    "bad name of a task": (("enqueue", "add it"), 2, ["'add it'", "characters"]),
    "argument without a name": (("enqueue", "add", "3"), 2, ["'3'", "NAME=VALUE", "a=3"]),
    "argument with an empty name": (("enqueue", "add", "=3"), 2, ["'=3'", "NAME=VALUE"]),
    "argument given twice": (("enqueue", "add", "a=1", "a=2"), 2, ["'a'", "twice"]),
    "arguments that are not JSON": (("enqueue", "add", "--args", '{"a"'), 2, ["""'{"a"'""", "not JSON"]),
    "arguments that are no object": (("enqueue", "add", "--args", "[3]"), 2, ["'[3]'", "not a JSON object"]),
    "negative delay": (("enqueue", "add", "--delay", "-1s"), 2, ["--delay", "'-1s'", "90s, 5m"]),
    "delay that is no time": (("enqueue", "add", "--delay", "soon"), 2, ["'soon'", "90s, 5m"]),
    "bad id": (("enqueue", "add", "--id", "a b"), 2, ["'a b'", "characters"]),
    "bad queue": (("enqueue", "add", "-q", "a/b"), 2, ["'a/b'", "characters"]),
    "timeout of no wait": (("enqueue", "add", "--timeout", "3s"), 2, ["--timeout", "--wait"]),
    "no times of a schedule": (("schedule", "add", "s", "add"), 2, ["--cron", "--every"]),
    "both times of a schedule": (
        ("schedule", "add", "s", "add", "--every", "5m", "--cron", "* * * * *"),
        2,
        ["--cron"],
    ),
    "bad cron": (("schedule", "add", "s", "add", "--cron", "0 25 * * *"), 2, ["character 3", "hour", "0 to 23", "25"]),
    "cron that never fires": (("schedule", "preview", "0 0 30 2 *"), 2, ["character 5", "never fire"]),
    "unknown zone": (("schedule", "preview", "@daily", "--tz", "Europe/Pari"), 2, ["'Europe/Pari'", "'Europe/Paris'"]),
    "bad time": (("schedule", "preview", "@daily", "--from", "tomorrow"), 2, ["'tomorrow'", "-2h"]),
    "time beyond the years": (
        ("schedule", "preview", "@daily", "--from", "9999-12-31T23:59-12:00"),
        2,
        ["'9999-12-31T23:59-12:00'", "outside the years 1970 to 9998"],
    ),
    "time before the years": (("schedule", "preview", "@daily", "--from", "0001-01-01T00:00+12:00"), 2, ["1970"]),
    "start beyond the years": (
        ("schedule", "add", "s", "add", "--every", "5m", "--start", "9999-12-31T23:59-12:00"),
        2,
        ["1970 to 9998"],
    ),
    "slots before the years": (("schedule", "backfill", "s", "--from", "0001-01-01", "-y"), 2, ["1970 to 9998"]),
    "distance beyond the years": (("schedule", "preview", "@daily", "--from", "-100000d"), 2, ["1970 to 9998"]),
    "missed that is hardly a number": (
        ("schedule", "add", "s", "add", "--every", "5m", "--missed", "²"),
        2,
        ["'²'", "skip, last"],
    ),
    "bad missed": (("schedule", "add", "s", "add", "--every", "5m", "--missed", "all"), 2, ["'all'", "skip, last"]),
    "schedule that starts after its end": (
        ("schedule", "add", "s", "add", "--every", "5m", "--start", "2026-12-01", "--end", "2026-11-01"),
        2,
        ["before its start"],
    ),
    "unknown schedule": (("schedule", "show", "nosuch"), 1, ["'nosuch'", "no schedule"]),
    "unknown schedule to pause": (("schedule", "pause", "nosuch"), 1, ["'nosuch'"]),
    "unknown schedule to resume": (("schedule", "resume", "nosuch"), 1, ["'nosuch'"]),
    "unknown schedule to run": (("schedule", "run", "nosuch"), 1, ["'nosuch'"]),
    "unknown schedule to remove": (("schedule", "remove", "-y", "nosuch"), 1, ["'nosuch'"]),
    "unknown schedule to fill": (("schedule", "backfill", "nosuch", "--from", "-1h"), 1, ["'nosuch'"]),
    "schedules of nowhere": (("schedule", "list", "-u", NOWHERE), 3, [NOWHERE]),
    "worker without an application": (("worker",), 2, ["MODULE:NAME", "jobqueue worker --help"]),
    "worker of a file": (("worker", "app.py"), 2, ["'app.py'", "app:jobs"]),
    "worker of a path": (("worker", "./shop/tasks.py:jobs"), 2, ["shop.tasks:jobs"]),
    "worker of no name": (("worker", "my app:jobs"), 2, ["'my app:jobs'", "app:jobs"]),
    "worker of an empty module": (("worker", ":jobs"), 2, ["':jobs'", "module:attribute"]),
    "no processes": (("worker", "app:jobs", "-p", "0"), 2, ["--processes", "0", "1<=x<=256"]),
    "negative concurrency": (("worker", "app:jobs", "-c", "-1"), 2, ["--concurrency", "-1"]),
    "concurrency that is no number": (("worker", "app:jobs", "-c", "many"), 2, ["--concurrency", "'many'"]),
    "negative shutdown timeout": (("worker", "app:jobs", "--shutdown-timeout", "-5"), 2, ["'-5'", "90s"]),
    "no queues": (("worker", "app:jobs", "-q", " , "), 2, ["--queues", "names no queue"]),
    "bad queue of a worker": (("worker", "app:jobs", "-q", "mail,a b"), 2, ["'a b'", "characters"]),
    "bad log level": (("worker", "app:jobs", "-l", "trace"), 2, ["'trace'", "'debug'"]),
    "bad log format": (("worker", "app:jobs", "--log-format", "xml"), 2, ["'xml'", "'json'"]),
    "dev of a file": (("dev", "app.py"), 2, ["'app.py'", "app:jobs"]),
    "demo of no folder": (("demo", "nosuch"), 2, ["'nosuch'", "does not exist"]),
    "demo of an empty folder": (("demo", "empty"), 2, ["'empty'", "no file"]),
    "demo of no files": (("demo", "empty", "-n", "0"), 2, ["--limit", "0"]),
}


@pytest.fixture(scope="module")
def complaints(
    tmp_path_factory: pytest.TempPathFactory, servers: Callable[[str], RunningServer]
) -> dict[str, Finished]:
    """Return what all the commands have said; nothing of it depends on what is in the server."""
    folder = tmp_path_factory.mktemp("mistakes")
    (folder / "empty").mkdir()
    shell = Shell(folder, {"JOBQUEUE_URL": servers("valkey").url, "JOBQUEUE_PREFIX": "mistakes"})
    return dict(zip(MISTAKES, shell.all(*[arguments for arguments, _, _ in MISTAKES.values()]), strict=True))


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_explained_on_one_line(complaints: dict[str, Finished], mistake: str):
    _, code, texts = MISTAKES[mistake]
    done = complaints[mistake]

    assert done.code == code, done.err
    assert done.out == ""
    assert done.complaint.startswith("Error: ")
    for text in texts:
        assert text in done.complaint


@pytest.fixture
def nowhere(tmp_path: Path) -> Shell:
    """Return what runs commands where no server is named."""
    return Shell(tmp_path)


def test_the_url_of_the_environment_is_used(nowhere: Shell):
    both = nowhere("status", JOBQUEUE_URL="first://", REDIS_URL="second://")
    second = nowhere("status", REDIS_URL="second://")

    assert "'first://'" in both.complaint
    assert "'second://'" in second.complaint


def test_secrets_are_not_shown(complaints: dict[str, Finished]):
    assert "hunter2" not in complaints["server with a password"].complaint


def test_a_group_without_a_command_prints_its_help_as_it_is(nowhere: Shell):
    for group, helped in (((), ("--help",)), (("schedule",), ("schedule", "--help"))):
        bare, asked = nowhere.all(group, helped)
        assert (bare.code, bare.out) == (2, "")
        assert bare.err.rstrip() == asked.out.rstrip()
        assert len(bare.err.splitlines()) > 10
