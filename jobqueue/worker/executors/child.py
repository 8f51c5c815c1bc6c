"""A process that runs the jobs it is given, one at a time: ``python -m jobqueue.worker.executors.child FD``."""

import asyncio
import contextlib
import os
import select
import signal
import socket
import sys
import threading
import time

from jobqueue.app import JobQueue
from jobqueue.context import JobContext
from jobqueue.outcome import Outcome, Parked
from jobqueue.worker.executors.messages import LINE_LIMIT, pack_outcome, pack_speech, unpack_job
from jobqueue.worker.life import shut_down, start_up
from jobqueue.worker.log import WorkerLog
from jobqueue.worker.reference import AppReference
from jobqueue.worker.runner import Runner, Source

LAST_WORDS = 1.0
"""Seconds that it has for its shutdown hooks when the worker has gone."""


def main() -> None:
    """Run until the worker closes the socket, or dies."""
    # Those who stop a service may signal all its processes: whether the job may end is for the worker to decide. They
    # are not ignored, because what a job starts would inherit that.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, frame: None)
    connection = socket.socket(fileno=int(sys.argv[1]))
    # What a job starts must not hold it: the worker takes its end for ours.
    connection.set_inheritable(False)
    held = [connection.fileno()]
    os.register_at_fork(after_in_child=lambda: os.close(held.pop()) if held else None)
    # Before there is an event loop: modules may do anything when they are imported.
    reference = AppReference.from_json(_first_line(connection))
    threading.Thread(target=_end_with, args=(connection.fileno(),), name="jobqueue-end", daemon=True).start()
    jobs = reference.load()
    asyncio.run(_serve(connection, jobs))
    # A thread that hangs must not keep the process from ending.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _first_line(connection: socket.socket) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        # One byte at a time: what comes after the line is for the event loop to read.
        byte = connection.recv(1)
        if not byte:
            sys.exit(1)
        line += byte
    return line


def _end_with(descriptor: int) -> None:
    """End the process soon after the worker has died, even if a job blocks the event loop: others run that job now."""
    poll = select.poll()
    poll.register(descriptor, 0)
    poll.poll()
    time.sleep(LAST_WORDS)  # an idle process ends by itself, and in order
    os._exit(1)


async def _serve(connection: socket.socket, jobs: JobQueue) -> None:
    reader, writer = await asyncio.open_connection(sock=connection, limit=LINE_LIMIT)
    log = WorkerLog()
    await start_up(jobs)
    writer.write(b"ready\n")
    runner = Runner(jobs, log=log, on_stuck=lambda count: None, processes=None)
    orders = _Orders(reader)
    while line := await orders.next():
        await _execute(runner, writer, line)
    await shut_down(jobs, log)


class _Orders:
    """The jobs that the worker sends. If it goes away while one runs, nobody wants its outcome: the process ends."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self._lines: asyncio.Queue[bytes] = asyncio.Queue()
        self._idle = False
        self._task = asyncio.create_task(self._read())

    async def next(self) -> bytes:
        """Return the next job; nothing when the worker has gone."""
        self._idle = True
        line = await self._lines.get()
        self._idle = False
        return line

    async def _read(self) -> None:
        with contextlib.suppress(OSError):  # a connection that is reset has ended too
            while line := await self._reader.readline():
                self._lines.put_nowait(line)
        if not self._idle:
            os._exit(1)
        self._lines.put_nowait(b"")


async def _execute(runner: Runner, writer: asyncio.StreamWriter, line: bytes) -> None:
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[Outcome] = loop.create_future()
    queue, claimed, now = unpack_job(line)

    def say(context: JobContext) -> None:
        progress, _, lines = context.take()
        if progress or lines:
            writer.write(pack_speech(progress, lines))

    def spoke(context: JobContext) -> None:
        loop.call_soon_threadsafe(say, context)

    source = Source(queue, spoke, lambda running, outcome: ended.set_result(outcome))
    running = runner.start(claimed, now, source)
    outcome = running if isinstance(running, Parked) else await ended
    if not isinstance(running, Parked):
        say(running.context)
    writer.write(pack_outcome(outcome))
    await writer.drain()


if __name__ == "__main__":
    main()
