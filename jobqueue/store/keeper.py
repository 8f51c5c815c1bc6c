"""Keeps an embedded server while it is used: ``python keeper.py FOLDER kept|ephemeral SOCKET COMMAND...``.

It is a process of its own, so that the server outlives whoever started it as long as others use it, and ends with the
last user, even if that is killed: a user holds a shared lock on the file ``users``, which the kernel takes away with
the process. The file ``running`` is locked until the server has ended, so that nobody starts another in its folder.
Only the standard library is imported, because this file is run by itself.
"""

import ctypes
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

LOOK_EVERY = 0.1
"""Seconds between two looks whether somebody still uses the server."""

GRACE = 3.0
"""Seconds that those have who are connected when the last user has died: its worker processes give their jobs back."""

FIRST_GRACE = 1.0
"""Seconds for which they may not even be connected, because they have just been started."""

STOP_TIMEOUT = 5.0
"""Seconds that the server has to end."""


def main(folder: str, ephemeral: bool, path: str, command: list[str]) -> None:
    """Go into the background, and run the server until nobody uses it.

    Args:
        folder: where its files are.
        ephemeral: whether the folder is removed at the end, unless the server crashed: its log says why.
        path: its socket.
        command: its command line.
    """
    # What the server writes has the arguments and results of jobs in it.
    os.umask(0o077)
    running = _open(folder, "running")
    fcntl.flock(running, fcntl.LOCK_EX)
    if os.fork():
        os._exit(0)  # whoever waits for this process now knows that the lock is held
    os.setsid()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit())
    crashed = True
    try:
        crashed = not _run(command, path, _open(folder, "users"), running)
    except SystemExit:
        crashed = False
    finally:
        if ephemeral and not crashed:
            shutil.rmtree(folder, ignore_errors=True)


def _run(command: list[str], path: str, users: int, running: int) -> bool:
    """Run the server until nobody uses it; whether it ended in good order."""
    server = subprocess.Popen(command, pass_fds=[running], preexec_fn=_die_with_parent)  # noqa: PLW1509  one thread
    try:
        while server.poll() is None and not _unused(users):
            time.sleep(LOOK_EVERY)
        if server.returncode is not None:
            return server.returncode == 0
        # Whoever wants to begin now waits for the lock of the users, and then starts another server.
        if os.pread(users, 4, 0) != b"left":
            _wait_for_others(server, path)
        return True
    finally:
        server.terminate()
        try:
            server.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _open(folder: str, name: str) -> int:
    return os.open(os.path.join(folder, name), os.O_RDWR | os.O_CREAT, 0o600)


def _unused(users: int) -> bool:
    """Tell whether nobody uses the server. If so, nobody can begin to until this process has ended."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _wait_for_others(server: "subprocess.Popen[bytes]", path: str) -> None:
    """Wait until nobody is connected to the server any more, for a while."""
    died_at = time.monotonic()
    while server.poll() is None and (passed := time.monotonic() - died_at) < GRACE:
        if passed >= FIRST_GRACE and not _connections(path):
            break
        time.sleep(LOOK_EVERY)


def _connections(path: str) -> int:
    """Return how many connections the server has besides the one that asks; 0 if it does not answer."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(1)
        try:
            connection.connect(path)
            connection.sendall(b"INFO clients\r\n")
            return int(connection.recv(65536).partition(b"connected_clients:")[2].split(b"\r")[0]) - 1
        except (OSError, ValueError):
            return 0


def _die_with_parent() -> None:
    """Have the kernel end the server if the keeper itself is killed: on Linux; elsewhere nothing can."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] == "ephemeral", sys.argv[3], sys.argv[4:])
