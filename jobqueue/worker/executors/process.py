"""Runs jobs in processes of their own, which can be killed."""

import asyncio
import contextlib
import os
import signal
import socket
import sys

from jobqueue.outcome import Lost, Outcome
from jobqueue.worker.decide import Raised, decide
from jobqueue.worker.executors.messages import LINE_LIMIT, pack_job, unpack
from jobqueue.worker.reference import AppReference
from jobqueue.worker.running import Running

STARTING_AT_ONCE = max(2, os.cpu_count() or 1)
"""How many processes are started at the same time: each one imports the application, which takes a processor."""

READY_TIMEOUT = 60.0
"""Seconds that a process may take to import the application."""

LAST_WORDS = 0.2
"""Seconds to read what a process has said before it ended."""

LEAVE_TIMEOUT = 1.0
"""Seconds that an idle process has to end."""


class ProcessFailed(Exception):
    """A process for jobs could not be started."""


class ProcessExecutor:
    """Keeps processes that have imported the application, and gives each one job at a time.

    Args:
        reference: where they find the application.
    """

    def __init__(self, reference: AppReference) -> None:
        self._reference = reference
        self._idle: list[_Process] = []
        self._all: set[_Process] = set()
        self._starting = 0
        self._changed = asyncio.Event()

    async def run(self, running: Running, now: int) -> None:
        """Run a job.

        Args:
            running: the job.
            now: the server's time when it was claimed, in milliseconds.
        """
        try:
            process = await self._acquire()
        except (Exception, asyncio.CancelledError) as error:  # whatever it is, the job must be settled
            # Counted as a loss, so that an application which cannot be imported does not go round for ever.
            running.end(Lost(f"no process could be started for it: {error}"))
            return

        running.begin(lambda _, why: process.kill())
        outcome = None
        try:
            outcome = await process.execute(running, now)
        finally:
            if outcome is None or process.killed:
                await self._discard(process)
            else:
                self._idle.append(process)
                self._changed.set()
            running.end(outcome or self._without_word(running, process))

    async def close(self) -> None:
        """End the processes that are idle, and kill the others."""
        idle = {*self._idle}
        await asyncio.gather(*(process.leave() if process in idle else process.end() for process in self._all))
        self._all.clear()
        self._idle.clear()

    def _without_word(self, running: Running, process: "_Process") -> Outcome:
        if running.stopped is None:
            return Lost(f"its process {process.cause_of_death()}")
        return decide(Raised(asyncio.CancelledError()), running.terms, running.stopped)

    async def _acquire(self) -> "_Process":
        """Return a process that is idle, be it one that has just become so, or start one."""
        while not self._idle:
            if self._starting < STARTING_AT_ONCE:
                return await self._start()
            self._changed.clear()
            await self._changed.wait()
        return self._idle.pop()

    async def _start(self) -> "_Process":
        self._starting += 1
        try:
            process = await _Process.start(self._reference)
        finally:
            self._starting -= 1
            self._changed.set()
        self._all.add(process)
        return process

    async def _discard(self, process: "_Process") -> None:
        self._all.discard(process)
        if process in self._idle:
            self._idle.remove(process)
        await process.end()


class _Process:
    """One process, and the socket to it."""

    def __init__(
        self, process: asyncio.subprocess.Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self.killed = False

    @classmethod
    async def start(cls, reference: AppReference) -> "_Process":
        ours, theirs = socket.socketpair()
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "jobqueue.worker.executors.child", str(theirs.fileno()),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                # Ctrl-C is for the worker, which decides what becomes of its jobs. uvloop knows no process_group.
                start_new_session=True,
            )  # fmt: skip
        except BaseException:  # a cancellation, too: nobody else knows of the socket
            ours.close()
            raise
        finally:
            theirs.close()
        reader, writer = await asyncio.open_connection(sock=ours, limit=LINE_LIMIT)
        started = cls(process, reader, writer)
        try:
            writer.write(reference.to_json() + b"\n")
            line = await asyncio.wait_for(reader.readline(), READY_TIMEOUT)
            if line != b"ready\n":
                raise ProcessFailed("it ended while it imported the application; its output says why")
        except BaseException:  # a cancellation, too: nobody else knows of the process
            await started.end()
            raise
        return started

    async def execute(self, running: Running, now: int) -> Outcome | None:
        """Run a job; None if the process ended without a word."""
        with contextlib.suppress(ConnectionError):
            self._writer.write(pack_job(running.context.queue, running.claimed, now))
            await self._writer.drain()
            while line := await self._line():
                message = unpack(line)
                if not isinstance(message, tuple):
                    return message
                running.context.hear(*message)
        await self._process.wait()
        return None

    async def _line(self) -> bytes:
        """Return what it says next; nothing if it has ended, even if processes that it has forked hold the socket."""
        reading = asyncio.ensure_future(self._reader.readline())
        ending = asyncio.ensure_future(self._process.wait())
        try:
            await asyncio.wait((reading, ending), return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                # Its last words may be on their way.
                await asyncio.wait((reading,), timeout=LAST_WORDS)
            return reading.result() if reading.done() else b""
        finally:
            reading.cancel()
            ending.cancel()

    def kill(self) -> None:
        """Kill it, and what it has started."""
        self.killed = True
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    async def leave(self) -> None:
        """Let an idle process run its shutdown hooks, and end."""
        self._writer.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), LEAVE_TIMEOUT)
        await self.end()

    async def end(self) -> None:
        self.kill()
        self._writer.close()
        await self._process.wait()

    def cause_of_death(self) -> str:
        code = self._process.returncode
        if code is None or code >= 0:
            return f"exited with code {code}"
        with contextlib.suppress(ValueError):
            return f"was killed by {signal.Signals(-code).name}"
        return f"was killed by signal {-code}"
