"""``jobqueue demo``: it works, it tells the truth, and it leaves nothing behind, however it ends."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis
from cli.commands import NOWHERE, Background, Shell, processes_in
from embedded.users import gone, servers_in, url_in
from servers import RunningServer
from waiting import wait_until

from jobqueue import JobQueue

FILES = 60


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of files, some of them empty, hidden away or strange."""
    folder = tmp_path / "files"
    (folder / "deeper").mkdir(parents=True)
    for number in range(FILES - 2):
        (folder / f"{number:02}.txt").write_text("a line\n" * number)
    (folder / "deeper" / "Ædå 100%.bin").write_bytes(bytes(range(256)) * 1000)
    (folder / "deeper" / "link").symlink_to(folder / "00.txt")
    (folder / "dangling").symlink_to(folder / "nothing")
    return folder


def left_in(shell: Shell) -> list[Path]:
    """Return the temporary folders that are there."""
    return list(Path(shell.variables["TMPDIR"]).iterdir())


def keys_of(server: RunningServer) -> list[bytes]:
    with redis.Redis.from_url(server.url) as connection:
        return list(connection.scan_iter(count=1000))


@contextmanager
def paused_demo_at(url: str) -> Iterator[None]:
    """Keep a demo from coming to its end."""
    jobs = JobQueue(url, prefix="jobqueue-demo")
    (queue,) = [jobs.queue(name) for name in wait_until(jobs.queues, "it has a queue")]
    assert queue.pause()
    yield
    queue.resume()
    jobs.close()


def facts_of(text: str) -> dict[str, str]:
    return {name.strip(): value.strip() for name, _, value in (line.partition("  ") for line in text.splitlines())}


# -- it works ----------------------------------------------------------------------------------------------------------


def test_it_runs_on_a_server_of_its_own(shell: Shell, folder: Path):
    done = shell("demo", folder)

    assert done.code == 0, done.err
    assert f"{FILES} files of {folder}; " in done.out
    assert ", started in " in done.out
    facts = facts_of(done.out)
    assert facts["jobs"] == str(FILES + 2)
    assert facts["completed"] == str(FILES + 1)
    assert facts["retried once"] == "3"
    assert facts["failed for good"] == "1 (FileNotFoundError)"
    assert facts["delayed"] == "1 (by 1.5s)"
    assert done.out.splitlines()[-1] == "every result is what a direct computation gives"
    assert done.err.split() == ["running"]
    assert processes_in(shell.folder) == []
    assert left_in(shell) == []


def test_it_runs_in_one_process(shell: Shell, folder: Path):
    done = shell("demo", folder, "--limit", 5, JOBQUEUE_URL="memory://")

    assert done.code == 0, done.err
    assert "a server inside this process, which nobody else can reach; a worker in this process" in done.out
    assert facts_of(done.out)["jobs"] == "7"
    assert done.err.split() == ["running"]


def test_it_leaves_no_key_in_a_server_that_was_there(shell: Shell, folder: Path, real_server: RunningServer):
    done = shell("demo", folder, "-p", 1, JOBQUEUE_URL=real_server.url)

    assert done.code == 0, done.err
    assert f"the server of the environment, {real_server.url}; 1 worker processes" in done.out
    assert keys_of(real_server) == []
    assert left_in(shell) == []


def test_it_notices_a_wrong_result(shell: Shell, folder: Path, start: Callable[..., Background]):
    """A file that grows all the time is not what it was when its job ran, once it is looked at again."""
    demo = start("demo", folder)
    ended = threading.Event()

    def grow() -> None:
        with (folder / "07.txt").open("ab", buffering=0) as file:
            while not ended.wait(0.02):
                file.write(b"x\n")

    growing = threading.Thread(target=grow)
    growing.start()
    code = demo.code()
    ended.set()
    growing.join()

    assert code == 1
    assert f"WRONG: {folder}/07.txt: the job says Digest(" in demo.log
    assert demo.log.count("WRONG") == 1
    assert "every result" not in demo.log
    assert left_in(shell) == []


def test_it_notices_a_file_that_has_gone(shell: Shell, folder: Path, start: Callable[..., Background]):
    demo = start("demo", folder)
    demo.says("running")
    with paused_demo_at(url_in(shell.folder)):
        (folder / "07.txt").unlink()

    assert demo.code() == 1
    assert "07.txt: it could be read when the demo began, and cannot any more: No such file" in demo.log
    assert "Traceback" not in demo.log


def test_it_says_that_a_server_is_not_there(shell: Shell, folder: Path):
    done = shell("demo", folder, JOBQUEUE_URL=NOWHERE)

    assert done.code == 3
    assert done.complaint.startswith(f"Error: Redis at {NOWHERE} is not available")
    gone(shell.folder)


# -- however it ends ---------------------------------------------------------------------------------------------------


MOMENTS: dict[str, Callable[[Shell, Background], object]] = {
    "its server starts": lambda shell, demo: wait_until(lambda: servers_in(shell.folder), "its server runs"),
    "it begins": lambda shell, demo: demo.says("files of"),
    "its workers start": lambda shell, demo: wait_until(lambda: len(demo.children) == 2, "both are there"),
    "its jobs run": lambda shell, demo: demo.says("running"),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_interrupted_it_leaves_nothing_behind(
    shell: Shell, folder: Path, start: Callable[..., Background], moment: str
):
    demo = start("demo", folder)
    MOMENTS[moment](shell, demo)

    demo.signal(signal.SIGINT)

    assert demo.code() == 130
    assert demo.log.splitlines()[-1] == "Error: interrupted"
    assert "Traceback" not in demo.log
    gone(shell.folder, within=3)
    assert left_in(shell) == []


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_it_leaves_nothing_behind(shell: Shell, folder: Path, start: Callable[..., Background], moment: str):
    demo = start("demo", folder)
    MOMENTS[moment](shell, demo)

    demo.signal(signal.SIGKILL)

    assert demo.code() == -signal.SIGKILL
    gone(shell.folder, within=5)
    assert left_in(shell) == []


@pytest.mark.parametrize("url", ["a server", "memory://"])
def test_interrupted_it_leaves_no_key_in_a_server_that_was_there(
    shell: Shell, folder: Path, real_server: RunningServer, start: Callable[..., Background], url: str
):
    demo = start("demo", folder, JOBQUEUE_URL=real_server.url if url == "a server" else url)
    demo.says("running")

    demo.signal(signal.SIGINT)

    assert demo.code() == 130
    assert keys_of(real_server) == []
    gone(shell.folder, within=3)
