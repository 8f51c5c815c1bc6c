"""``jobqueue stats``, ``events`` and ``top``: what was done, what happens, and how it stands, at a prompt."""

import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator

import pytest
from cli.commands import NOWHERE, Background, Shell
from servers import RunningServer
from waiting import wait_until

from jobqueue import JobQueue
from jobqueue.job import OutcomeKind
from jobqueue.store.stats import Tally, measure


def report(producer: JobQueue, queue: str, task: str, number: int = 1) -> None:
    """Have a worker report that it has run some jobs."""
    tally = Tally()
    tally.outcomes.update({OutcomeKind.COMPLETED: 9, OutcomeKind.FAILED: 3})
    tally.waited[90] += 12
    tally.ran[60] += 12
    producer.connections.run(measure(producer.keys(queue), "one", number, {task: tally}))


def test_figures_are_shown_by_queue_and_by_task(shell: Shell, producer: JobQueue):
    producer.queue("mail").enqueue("send", {})
    producer.queue("parcels").enqueue("pack", {})
    unused = shell("stats")
    report(producer, "mail", "send")
    report(producer, "mail", "sort", 2)

    text, by_task, of_one, as_json = shell.all(
        ("stats",),
        ("stats", "--by", "task"),
        ("stats", "-q", "mail", "--since", "5m"),
        ("stats", "-q", "mail", "--json"),
    )

    assert [row.split()[0] for row in unused.out.splitlines()] == ["QUEUE", "mail", "parcels"]
    heading, mail, parcels = text.out.splitlines()
    assert heading.split()[:5] == ["QUEUE", "RATE", "COMPLETED", "FAILED", "RETRIED"]
    assert mail.split()[2:] == ["18", "6", "0", "2.5s", "/", "2.5s", "/", "2.5s", "85ms", "/", "85ms", "/", "85ms"]
    assert parcels.split() == ["parcels", "0/s", "0", "0", "0", "-", "-"]
    assert [row.split()[:2] for row in by_task.out.splitlines()] == [
        ["QUEUE", "TASK"],
        ["mail", "send"],
        ["mail", "sort"],
    ]
    assert [row.split()[1] for row in of_one.out.splitlines()] == ["TASK", "send", "sort"]
    send, _ = as_json.json
    assert send.keys() == {
        "queue", "task", "since", "until", "executions", "per_second", "outcomes", "wait_seconds", "run_seconds",
    }  # fmt: skip
    assert (send["task"], send["executions"], send["outcomes"]["failed"]) == ("send", 12, 3)
    assert send["wait_seconds"].keys() == {"count", "p50", "p95", "p99"}


def test_events_are_kept_and_shown(shell: Shell, producer: JobQueue):
    producer.queue("mail").enqueue("send", {})
    nothing, switched = shell("events"), shell("queue", "events", "mail", "on")
    job = producer.queue("mail").enqueue("send", {})
    job.cancel()

    text, some, as_json, off = shell.all(
        ("events",), ("events", "--type", "cancelled", "-q", "mail"), ("events", "--json", "-n", "1"),
        ("queue", "events", "mail", "off", "--json"),
    )  # fmt: skip

    assert (nothing.code, nothing.out) == (0, "")
    assert "no events are kept" in nothing.complaint
    assert switched.out == "queue mail keeps events\n"
    assert [line.split()[2:] for line in text.out.splitlines()] == [
        ["mail", "enqueued", job.id], ["mail", "cancelled", job.id],
    ]  # fmt: skip
    assert len(some.out.splitlines()) == 1
    [event] = as_json.json
    assert event.keys() == {"at", "type", "queue", "job_id", "worker"}
    assert (event["type"], event["job_id"], event["worker"]) == ("cancelled", job.id, None)
    assert off.json == {"queue": "mail", "events": "off"}


def test_events_are_followed(shell: Shell, producer: JobQueue, start: Callable[..., Background]):
    producer.queue("mail").enqueue("send", {})
    following = start("events", "-f", "--json", "--type", "enqueued")
    meta = producer.keys("mail")["meta"]
    wait_until(lambda: producer.connections.sync_client().redis.hexists(meta, "events"), "it follows")
    job = producer.queue("mail").enqueue("send", {})
    following.says(job.id)
    following.signal(signal.SIGINT)

    assert following.code() == 130
    line, *_ = following.log.splitlines()
    assert json.loads(line)["job_id"] == job.id


def test_wrong_uses_say_what_is_wrong(shell: Shell, producer: JobQueue):
    producer.queue("mail").enqueue("send", {})
    cases: list[tuple[tuple[str, ...], int, str]] = [
        (("stats", "-q", "mial"), 1, "did you mean 'mail'"),
        (("stats", "--since", "2d"), 2, "2d is not between"),
        (("stats", "--since", "soon"), 2, "'soon'"),
        (("stats", "--by", "day"), 2, "'day'"),
        (("stats", "-u", NOWHERE), 3, NOWHERE),
        (("events", "-q", "nosuch"), 1, "'nosuch' was never used"),
        (("events", "--type", "faild"), 2, "'faild'"),
        (("events", "-f", "-u", NOWHERE), 3, NOWHERE),
        (("queue", "events", "nosuch", "on"), 1, "'nosuch'"),
        (("queue", "events", "mail", "maybe"), 2, "'maybe'"),
        (("top", "-q", "nosuch", "--once"), 1, "'nosuch'"),
        (("top", "-i", "10ms"), 2, "10ms is less than 100ms"),
        (("top", "--sort", "size"), 2, "'size'"),
        (("top", "-u", NOWHERE), 3, NOWHERE),
    ]
    for (words, code, says), done in zip(cases, shell.all(*[words for words, _, _ in cases]), strict=True):
        assert (done.code, done.out) == (code, ""), words
        assert says in done.complaint, words


def test_without_a_terminal_it_is_printed_once(shell: Shell, producer: JobQueue):
    producer.queue("mail").enqueue("send", {})
    report(producer, "mail", "send")

    piped, once = shell.all(("top",), ("top", "--once", "-q", "mail"))

    for done in (piped, once):
        assert done.code == 0
        assert "\x1b" not in done.out
        assert re.search(r"^mail +1 ", done.out, re.MULTILINE)
        assert re.search(r"^send +mail +3 +0 +25 %$", done.out, re.MULTILINE)


class Terminal:
    """A program in a terminal, which is looked at as a person does: at what stands on it in the end.

    Args:
        shell: where it runs.
        arguments: its arguments.
    """

    def __init__(self, shell: Shell, *arguments: str) -> None:
        self.fd, inside = pty.openpty()
        self.before = termios.tcgetattr(inside)
        self._inside = inside
        self.resize(100, 24)
        self.written = ""
        self.process = subprocess.Popen(
            [*shell.program, *arguments], cwd=shell.folder, env=shell.environment(TERM="xterm"), stdin=inside,
            stdout=inside, stderr=inside, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509  so that Ctrl-C is a signal
        )  # fmt: skip
        os.set_blocking(self.fd, False)

    def resize(self, width: int, height: int) -> None:
        fcntl.ioctl(self._inside, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def press(self, keys: bytes) -> None:
        os.write(self.fd, keys)

    @property
    def frame(self) -> list[str]:
        """The lines of the last frame that was drawn."""
        try:
            self.written += os.read(self.fd, 1 << 20).decode()
        except BlockingIOError:
            pass
        *_, last = self.written.split("\x1b[H")
        return [re.sub(r"\x1b\[[?0-9;]*[a-zA-Z]", "", line) for line in last.replace("\r", "").split("\n")]

    def shows(self, text: str) -> None:
        wait_until(lambda: any(text in line for line in self.frame), f"it shows {text!r}", 20)

    def ended(self) -> int:
        # It is read meanwhile: a terminal that nobody reads lets nobody go.
        wait_until(lambda: self.frame and self.process.poll() is not None, "it has ended", 20)
        assert self.frame
        return self.process.returncode

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.fd)
        os.close(self._inside)


@pytest.fixture
def terminal(shell: Shell) -> Iterator[Callable[..., Terminal]]:
    """Return what runs a program in a terminal."""
    opened: list[Terminal] = []

    def run(*arguments: str) -> Terminal:
        opened.append(Terminal(shell, *arguments))
        return opened[-1]

    yield run
    for found in opened:
        found.close()


def test_it_is_watched_live(producer: JobQueue, terminal: Callable[..., Terminal]):
    producer.queue("mail").enqueue("send", {})
    screen = terminal("top", "-i", "100ms")
    screen.shows("every 100ms")
    assert "\x1b[?1049h" in screen.written
    assert len(screen.frame) == 24
    producer.queue("parcels").enqueue("pack", {})
    screen.shows("parcels")
    screen.press(b"s")
    screen.shows("by waiting")
    screen.press(b"p")
    screen.shows("PAUSED")
    screen.resize(40, 12)
    os.killpg(screen.process.pid, signal.SIGWINCH)
    wait_until(lambda: len(screen.frame) == 12, "it fits the smaller terminal")
    assert max(map(len, screen.frame)) <= 40
    screen.press(b"p")
    wait_until(lambda: "PAUSED" not in screen.frame[0], "it goes on")
    screen.press(b"\x1b[As\x1b[Bq")  # keys that are typed fast, and arrows, which are none
    assert screen.ended() == 0
    assert "by active" in screen.written
    assert screen.written.endswith("\x1b[?25h\x1b[?1049l")
    assert termios.tcgetattr(screen._inside) == screen.before


@pytest.mark.parametrize("end", ["Ctrl-C", "SIGTERM"])
def test_the_terminal_is_as_it_was_however_it_ends(terminal: Callable[..., Terminal], end: str):
    screen = terminal("top")
    screen.shows("every 1s")
    assert termios.tcgetattr(screen._inside) != screen.before
    if end == "Ctrl-C":
        screen.press(b"\x03")
    else:
        screen.process.terminate()
    assert screen.ended() == (0 if end == "Ctrl-C" else 128 + signal.SIGTERM)
    assert screen.written.endswith("\x1b[?25h\x1b[?1049l")
    assert termios.tcgetattr(screen._inside) == screen.before


def test_a_server_that_goes_away_is_waited_for(
    shell: Shell, terminal: Callable[..., Terminal], a_server: Callable[..., RunningServer]
):
    with a_server("valkey") as server:
        screen = terminal("top", "-i", "100ms", "-u", server.url)
        screen.shows("no queue has been used yet")
        server.kill()
        screen.shows("is not available")
        server.start()
        wait_until(lambda: not any("is not available" in line for line in screen.frame), "it is back", 20)
        screen.press(b"\x1a")
        wait_until(lambda: screen.frame and screen.written.endswith("\x1b[?1049l"), "it leaves the terminal alone")
        assert termios.tcgetattr(screen._inside) == screen.before
        began = time.monotonic()
        os.killpg(screen.process.pid, signal.SIGCONT)
        screen.shows("no queue has been used yet")
        assert time.monotonic() - began < 10
        screen.press(b"q")
        assert screen.ended() == 0
