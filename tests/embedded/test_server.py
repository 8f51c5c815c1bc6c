"""The embedded server: who starts it, who shares it, and when it ends."""

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import redis
from cli.commands import processes_in
from embedded.users import User, gone, servers_in
from waiting import wait_until

from jobqueue import EmbeddedServerError, JobQueue
from jobqueue.store import embedded
from jobqueue.store.embedded import EmbeddedServer, answers, socket_path, url_of
from jobqueue.store.server import server_at

KINDS = ["kept", "ephemeral"]


def script(path: Path, text: str) -> Path:
    """Write a program for the shell."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    return path


def keeper_in(folder: Path) -> psutil.Process:
    (keeper,) = [process for process in processes_in(folder) if "keeper.py" in " ".join(process.cmdline())]
    return keeper


def ping(url: str) -> bool:
    with redis.Redis.from_url(url) as connection:
        return bool(connection.ping())


# -- who starts it -----------------------------------------------------------------------------------------------------


def test_it_is_started_for_the_first_and_found_by_the_second(tmp_path: Path, use: Callable[..., User]):
    first, second = use(tmp_path / "data"), None
    verb, url = first.ready()
    second = use(tmp_path / "data")

    assert verb == "started"
    assert second.ready() == ("found", url)
    assert ping(url)
    assert len(servers_in(tmp_path)) == 1


def test_those_who_begin_at_the_same_moment_share_one(tmp_path: Path, use: Callable[..., User]):
    users = [use(tmp_path / "data") for _ in range(4)]

    answers = [user.ready() for user in users]

    assert sorted(verb for verb, _ in answers) == ["found", "found", "found", "started"]
    assert len({url for _, url in answers}) == 1
    assert len(servers_in(tmp_path)) == 1


def test_different_folders_have_different_servers(tmp_path: Path, program: Path):
    with EmbeddedServer(tmp_path / "a", program) as first, EmbeddedServer(tmp_path / "b", program) as second:
        assert first.started
        assert second.started
        assert first.url != second.url
    gone(tmp_path)


def test_a_server_that_does_not_answer_yet_is_not_started_twice(
    tmp_path: Path, program: Path, use: Callable[..., User]
):
    """Two servers on the same files would destroy them. The first user is killed while its server starts slowly."""
    slow = script(tmp_path / "slow", f'while [ ! -e {tmp_path}/go ]; do sleep 0.02; done; exec {program} "$@"')
    first = use(tmp_path / "data", program=slow)

    def runs() -> bool:
        try:
            return any(str(slow) in process.cmdline()[1:2] for process in processes_in(tmp_path))
        except psutil.NoSuchProcess:
            return False  # one has ended meanwhile

    wait_until(runs, "its program runs")
    second = use(tmp_path / "data", program=slow)
    users = tmp_path / "data" / "users"
    wait_until(lambda: _openers(users) >= {first.process.pid, second.process.pid}, "the second has come")

    first.kill()
    wait_until(lambda: _openers(tmp_path / "data" / "starting") == {second.process.pid}, "it is the second's turn")
    (tmp_path / "go").touch()

    assert second.ready()[0] == "found"
    assert len(servers_in(tmp_path)) == 1


def _openers(path: Path) -> set[int]:
    """Return the processes that have a file open."""
    found = set()
    for process in psutil.process_iter():
        try:
            if any(file.path == str(path) for file in process.open_files()):
                found.add(process.pid)
        except (psutil.AccessDenied, psutil.NoSuchProcess):
            continue
    return found


# -- when it ends ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_it_ends_with_its_last_user(tmp_path: Path, use: Callable[..., User], kind: str):
    first = use(tmp_path / "data", kind)
    _, url = first.ready()
    second = use(tmp_path / "data", kind)
    second.ready()

    first.leave()
    assert ping(url)
    second.leave()

    # Whoever leaves last waits for the end.
    assert processes_in(tmp_path) == []
    assert (tmp_path / "data").exists() == (kind == "kept")


@pytest.mark.parametrize("kind", KINDS)
def test_it_ends_when_its_users_are_killed(tmp_path: Path, use: Callable[..., User], kind: str):
    users = [use(tmp_path / "data", kind) for _ in range(2)]
    url = {user.ready()[1] for user in users}.pop()

    users[0].kill()
    assert ping(url)
    users[1].kill()

    gone(tmp_path)
    assert (tmp_path / "data").exists() == (kind == "kept")


def test_it_ends_when_its_only_user_is_killed_while_it_starts(tmp_path: Path, program: Path, use: Callable[..., User]):
    slow = script(tmp_path / "slow", f'sleep 0.3; exec {program} "$@"')
    user = use(tmp_path / "data", "ephemeral", slow)
    wait_until((tmp_path / "data" / "running").exists, "it starts")

    user.kill()

    gone(tmp_path)
    assert not (tmp_path / "data").exists()


def test_a_user_in_the_same_process_counts_too(tmp_path: Path, program: Path):
    first = EmbeddedServer(tmp_path / "data", program)
    second = EmbeddedServer(tmp_path / "data", program)
    first.close()

    assert ping(second.url)
    second.close()
    second.close()
    assert processes_in(tmp_path) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_keeper_that_is_told_to_end_takes_the_server_along(tmp_path: Path, use: Callable[..., User], kind: str):
    user = use(tmp_path / "data", kind)
    user.ready()

    keeper_in(tmp_path).terminate()

    wait_until(lambda: not servers_in(tmp_path), "the server has ended")
    user.leave()
    gone(tmp_path)
    assert (tmp_path / "data").exists() == (kind == "kept")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_a_keeper_that_is_killed_takes_the_server_along(tmp_path: Path, use: Callable[..., User]):
    use(tmp_path / "data").ready()

    keeper_in(tmp_path).kill()

    wait_until(lambda: not servers_in(tmp_path), "the server has ended")
    assert use(tmp_path / "data").ready()[0] == "started"


def test_after_a_crash_of_the_server_the_next_user_starts_another(tmp_path: Path, use: Callable[..., User]):
    first = use(tmp_path / "data")
    _, url = first.ready()
    (server,) = servers_in(tmp_path)

    server.kill()
    server.wait()

    assert use(tmp_path / "data").ready() == ("started", url)
    assert ping(url)


# -- its files ---------------------------------------------------------------------------------------------------------


def test_what_is_in_it_is_kept_for_the_next(tmp_path: Path, program: Path):
    with EmbeddedServer(tmp_path / "data", program) as server:
        jobs = JobQueue(server.url)
        job = jobs.queue("mail").enqueue("send", {"to": "ada"})
        jobs.close()

    with EmbeddedServer(tmp_path / "data", program) as server:
        jobs = JobQueue(server.url)
        assert server.started
        assert jobs.queue("mail").job(job.id).info().args == {"to": "ada"}
        jobs.close()


def test_what_was_written_is_kept_when_its_user_is_killed(tmp_path: Path, use: Callable[..., User]):
    user = use(tmp_path / "data")
    _, url = user.ready()
    with redis.Redis.from_url(url) as connection:
        connection.set("a", 1)
    user.kill()

    use(tmp_path / "data").ready()

    with redis.Redis.from_url(url) as connection:
        assert connection.get("a") == b"1"


@pytest.mark.parametrize("name", ["x" * 120, "my data", "100% & 'more' #1?"], ids=["long", "space", "odd"])
def test_the_folder_may_have_any_name(tmp_path: Path, program: Path, name: str):
    folder = tmp_path / name
    with EmbeddedServer(folder, program) as server:
        assert not set(server.url) & set(" '#?&"), "it can be pasted into a shell and a file"
        assert server_at(server.url).sync_connections(1).ping()
        done = subprocess.run(
            ["sh", "-c", f'export URL={server.url}; printf %s "$URL"'], capture_output=True, text=True, check=True
        )
        assert done.stdout == server.url
        assert answers(socket_path(folder))
    gone(tmp_path)


def test_a_socket_with_a_short_path_is_in_the_folder_and_others_are_in_a_private_one(tmp_path: Path):
    short, long = Path("/data"), tmp_path / ("x" * 120)

    assert socket_path(short) == Path("/data/redis.sock")
    assert len(os.fsencode(socket_path(long))) < 104
    assert socket_path(long) == socket_path(long)
    assert socket_path(long) != socket_path(long / "other")
    assert stat.S_IMODE(socket_path(long).parent.stat().st_mode) == 0o700
    assert url_of(Path("/my data/100%")) == "unix:///my%20data/100%25"


def test_a_long_folder_for_temporary_files_is_no_obstacle(tmp_path: Path, program: Path, monkeypatch):
    long = tmp_path / ("t" * 100)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))

    with EmbeddedServer(tmp_path / ("x" * 120), program, ephemeral=True) as server:
        assert ping(server.url)


def test_only_its_user_may_read_it(tmp_path: Path, program: Path):
    with EmbeddedServer(tmp_path / "data", program):
        assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
        assert stat.S_IMODE((tmp_path / "data" / "redis.sock").stat().st_mode) == 0o700


# -- what can go wrong -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_program_that_ends_at_once_is_not_waited_for(tmp_path: Path, kind: str):
    dying = script(tmp_path / "dying", "echo 'Fatal config file error'; exit 3")
    began = time.monotonic()

    with pytest.raises(EmbeddedServerError) as caught:
        EmbeddedServer(tmp_path / "data", dying, ephemeral=kind == "ephemeral")

    assert time.monotonic() - began < embedded.START_TIMEOUT / 2
    log = tmp_path / "data" / "server.log"
    assert str(caught.value) == f"{dying} ended at once, saying 'Fatal config file error'; its log is {log}"
    assert log.read_text() == "Fatal config file error\n"
    gone(tmp_path)


def test_a_program_that_is_not_there_is_in_the_log(tmp_path: Path):
    with pytest.raises(EmbeddedServerError, match=r"ended at once, saying .FileNotFoundError.*no-such-program"):
        EmbeddedServer(tmp_path / "data", tmp_path / "no-such-program")
    gone(tmp_path)


def test_a_program_that_never_answers_is_given_up(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(embedded, "START_TIMEOUT", 0.3)
    silent = script(tmp_path / "silent", "exec sleep 60")

    with pytest.raises(EmbeddedServerError, match=r"does not answer; its log is .*server\.log"):
        EmbeddedServer(tmp_path / "data", silent)

    gone(tmp_path)


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path, program: Path):
    (tmp_path / "file").write_text("")

    with pytest.raises(EmbeddedServerError, match=r"no server can be started in .*/file: File exists"):
        EmbeddedServer(tmp_path / "file", program)
    with pytest.raises(EmbeddedServerError, match=r"no server can be started in .*/file/data: Not a directory"):
        EmbeddedServer(tmp_path / "file" / "data", program)


def test_after_a_failure_the_folder_can_be_used(tmp_path: Path, program: Path):
    dying = script(tmp_path / "dying", "exit 3")
    with pytest.raises(EmbeddedServerError):
        EmbeddedServer(tmp_path / "data", dying)

    with EmbeddedServer(tmp_path / "data", program) as server:
        assert ping(server.url)


def test_ctrl_c_while_it_starts_leaves_nothing_running(tmp_path: Path, program: Path, use: Callable[..., User]):
    slow = script(tmp_path / "slow", f'sleep 0.5; exec {program} "$@"')
    user = use(tmp_path / "data", "ephemeral", slow)
    wait_until((tmp_path / "data" / "running").exists, "it starts")

    user.process.send_signal(signal.SIGINT)

    assert user.process.wait(10) != 0
    gone(tmp_path)
    assert not (tmp_path / "data").exists()
