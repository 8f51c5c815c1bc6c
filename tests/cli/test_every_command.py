"""Every command that asks a server: with none there, with one that permits nothing, with names that do not exist."""

import pytest
import redis
from cli.commands import NOWHERE, Finished, Shell
from docs.pages import click_commands
from servers import RunningServer

# What each command needs at least. Names that begin with "no-such" are looked for.
COMMANDS: dict[str, list[str]] = {
    "bench": [],
    "doctor": [],
    "enqueue": ["work"],
    "events": [],
    "explain": ["no-such-job"],
    "failed export": [],
    "failed list": ["--group-by", "error"],
    "failed remove": ["-y"],
    "failed retry": ["-y"],
    "health": [],
    "job cancel": ["no-such-job"],
    "job debug": ["no-such-job", "app:jobs"],
    "job export": ["--where", "task=work"],
    "job list": [],
    "job logs": ["no-such-job"],
    "job prioritize": ["no-such-job", "5"],
    "job promote": ["no-such-job"],
    "job remove": ["no-such-job", "-y"],
    "job replay": ["no-such-job"],
    "job retry": ["no-such-job"],
    "job show": ["no-such-job"],
    "job timeline": ["no-such-job"],
    "queue clean": ["no-such-queue", "--state", "failed", "-y"],
    "queue drain": ["no-such-queue", "-y"],
    "queue events": ["no-such-queue", "on"],
    "queue limit": ["no-such-queue"],
    "queue list": [],
    "queue obliterate": ["no-such-queue", "-y"],
    "queue pause": ["no-such-queue"],
    "queue resume": ["no-such-queue"],
    "queue show": ["no-such-queue"],
    "schedule add": ["nightly", "work", "--every", "1h"],
    "schedule backfill": ["no-such-schedule", "--from", "-1h", "-y"],
    "schedule list": [],
    "schedule pause": ["no-such-schedule"],
    "schedule remove": ["no-such-schedule", "-y"],
    "schedule resume": ["no-such-schedule"],
    "schedule run": ["no-such-schedule"],
    "schedule show": ["no-such-schedule"],
    "stats": [],
    "status": [],
    "task strike": ["work"],
    "task unstrike": ["work"],
    "top": ["--once"],
    "workers list": [],
    "workers quiet": ["no-such-worker"],
    "workers restart": ["no-such-worker"],
    "workers stop": ["no-such-worker"],
}

WITHOUT_A_SERVER = {"completion", "config show", "demo", "dev", "schedule preview", "worker"}
NAMED = [name for name, words in COMMANDS.items() if words and words[0].startswith("no-such")]


@pytest.fixture
def run(shell: Shell):
    """Return what runs all of some commands at once, with more arguments."""
    (shell.folder / "app.py").write_text("from jobqueue import JobQueue\njobs = JobQueue()\n")

    def of(names, *more: str) -> dict[str, Finished]:
        words = [(*name.split(), *COMMANDS[name], *more) for name in names]
        return dict(zip(names, shell.all(*words), strict=True))

    return of


def test_these_are_all_the_commands():
    assert set(COMMANDS) | WITHOUT_A_SERVER == set(click_commands())


def test_with_no_server_there(run):
    for name, done in run(list(COMMANDS), "-u", NOWHERE).items():
        assert (name, done.code, done.out) == (name, 3, "")
        assert NOWHERE in done.complaint, name
        assert "Is it running?" in done.complaint, name


def test_with_a_server_that_permits_nothing(run, real_server: RunningServer):
    with redis.Redis.from_url(real_server.url) as connection:
        connection.acl_setuser(
            "nobody", enabled=True, passwords=["+secret"], keys=["nothing:*"], commands=["+ping", "+info"]
        )
        path = connection.connection_pool.connection_kwargs["path"]
        try:
            found = run(list(COMMANDS), "-u", f"unix://nobody:secret@{path}")
        finally:
            connection.acl_deluser("nobody")
    for name, done in found.items():
        assert (name, done.code) == (name, 1), done.err
        assert "no permission" in done.complaint.lower() or "noperm" in done.complaint.lower(), (name, done.err)
        assert "secret" not in done.err, name


def test_with_names_that_do_not_exist(run):
    for name, done in run(NAMED).items():
        assert (name, done.code, done.out) == (name, 1, "")
        assert COMMANDS[name][0] in done.complaint, (name, done.err)
