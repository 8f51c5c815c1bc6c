"""What processes are given, and who else can read it."""

import ast
import os
import stat
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from architecture.test_layers import TREES

from jobqueue.errors import EmbeddedServerError
from jobqueue.store.embedded import EmbeddedServer, find_program, socket_path


def calls_in(tree: ast.AST) -> list[tuple[str, ast.Call]]:
    return [(ast.unparse(node.func), node) for node in ast.walk(tree) if isinstance(node, ast.Call)]


def test_no_shell_is_ever_started():
    for name, tree in TREES.items():
        for function, call in calls_in(tree):
            assert function not in ("os.system", "os.popen", "asyncio.create_subprocess_shell"), name
            assert not any(keyword.arg == "shell" for keyword in call.keywords), name
            assert function not in ("tempfile.mktemp", "os.tempnam"), name


def test_processes_are_told_of_jobs_through_a_socket_and_not_by_arguments_or_variables():
    found = {}
    for name, tree in TREES.items():
        for function, call in calls_in(tree):
            if function in ("asyncio.create_subprocess_exec", "subprocess.Popen", "subprocess.run", "os.execv"):
                found.setdefault(name, []).append(ast.unparse(call))
    ours = {"worker.executors.process", "worker.supervisor", "cli.bench_run"}
    assert set(found) == {*ours, "store.embedded", "store.keeper"}
    for name in ours:
        (text,) = found[name]
        assert "env=" not in text
        assert ("stdin=subprocess.PIPE" if name == "cli.bench_run" else "fileno()") in text
        assert not any(word in text for word in ("job", "url", "args", "specification") if f"{word}=" in text)


def test_only_one_place_in_the_folder_of_all_is_named_and_it_is_looked_whose_it_is(monkeypatch):
    texts = [
        (name, node.value)
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("/tmp")
    ]
    assert texts == [("store.embedded", "/tmp")]
    # A short one: the path of a socket has a limit, which is why there is such a place at all.
    with TemporaryDirectory(prefix="jq-") as short:
        monkeypatch.setattr("tempfile.tempdir", short)
        Path(short, f"jobqueue-{os.getuid()}").symlink_to("/etc")
        with pytest.raises(EmbeddedServerError, match="belongs to somebody else"):
            socket_path(Path(short, "d" * 120))


@pytest.mark.parametrize("kept", [True, False])
def test_nobody_else_reads_what_an_embedded_server_keeps(tmp_path: Path, kept):
    program = find_program()
    assert program is not None
    folder = tmp_path / "data"
    folder.mkdir(mode=0o755)  # as one that was made before
    before = os.umask(0o022)
    try:
        with EmbeddedServer(folder, program, ephemeral=not kept) as server:
            assert server.started
            place = socket_path(folder)
            assert stat.S_IMODE(place.stat().st_mode) & 0o077 == 0
            modes = {path: stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*")}
            assert modes
            assert {path: oct(mode) for path, mode in modes.items() if mode & 0o077} == {}
    finally:
        os.umask(before)
