"""Where the output goes: a terminal, a pipe, a file on a full disk."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from cli.commands import PROGRAM, Shell

from jobqueue import JobQueue

COLOURED = "\x1b[31mfailed\x1b[0m"


@pytest.fixture
def failed(producer: JobQueue) -> str:
    """Return the id of a job that has failed: its state is shown in red."""
    producer.queue("mail").enqueue("send", {}, id="one")
    connection, keys = producer.connections.sync_client().redis, producer.keys("mail")
    connection.delete(keys["wait"])
    connection.zadd(keys["failed"], {"one": 1})
    connection.hset(keys["outcomes"], "one", '["failed",1,2,"w",1,{"type":"ValueError","message":"no"}]')
    return "one"


def on_a_terminal(shell: Shell, *arguments: str, **variables: str) -> str:
    """Run a command on a terminal of its own, and return what it has written there."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [PROGRAM, *arguments],
        cwd=shell.folder,
        env=shell.environment(TERM="xterm", **variables),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    written = b""
    try:
        while part := os.read(ours, 65536):
            written += part
    except OSError:
        pass  # that is how Linux says that nobody has the terminal open any more
    os.close(ours)
    assert process.wait(20) in (0, 1)
    return written.decode()


def test_colours_are_for_terminals(shell: Shell, failed: str):
    assert COLOURED in on_a_terminal(shell, "job", "list")
    assert COLOURED in on_a_terminal(shell, "job", "show", failed)
    assert "\x1b[31mError:\x1b[0m" in on_a_terminal(shell, "job", "show", "nosuch")
    for done in shell.all(("job", "list"), ("job", "show", failed), ("status",), ("job", "show", "nosuch")):
        assert "\x1b" not in done.out + done.err


@pytest.mark.usefixtures("failed")
def test_colours_can_be_declined(shell: Shell):
    written = on_a_terminal(shell, "job", "list", NO_COLOR="1")

    assert "failed" in written
    assert "\x1b" not in written + on_a_terminal(shell, "job", "show", "nosuch", NO_COLOR="1")
    assert COLOURED in on_a_terminal(shell, "job", "list", NO_COLOR="")


@pytest.mark.parametrize("options", [[], ["--json"]], ids=["table", "json"])
def test_whoever_reads_the_output_may_have_enough_of_it(shell: Shell, producer: JobQueue, options: list[str]):
    for _ in range(3):
        producer.queue("mail").enqueue("send", {"text": "x" * 100_000})
    process = subprocess.Popen(
        [PROGRAM, "job", "list", "-n", "1000", *options],
        cwd=shell.folder,
        env=shell.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None

    process.stdout.close()  # as `head` does

    with process.stderr:
        assert process.stderr.read() == ""
    process.wait(20)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full but on Linux")
def test_a_full_disk_is_said_to_be_full(shell: Shell):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [PROGRAM, "status", "--json"],
            cwd=shell.folder,
            env=shell.environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert done.returncode == 1
    assert done.stderr == "Error: [Errno 28] No space left on device\n"


def test_a_closed_output_is_no_reason_to_fail(shell: Shell):
    done = subprocess.run(
        ["sh", "-c", '"$0" job list >&-', str(PROGRAM)],
        cwd=shell.folder,
        env=shell.environment(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_output_is_unicode_whatever_the_locale(shell: Shell, producer: JobQueue):
    producer.queue("mail").enqueue("send", {"to": "Ædå"}, id="one")

    done = shell("job", "show", "one", LC_ALL="C")

    assert done.code == 0
    assert '"to":"Ædå"' in done.out
    assert sys.getdefaultencoding() == "utf-8"
