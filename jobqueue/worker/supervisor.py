"""Owns the worker processes: starts them, replaces those that die, and gives the jobs of the dead back at once."""

import contextlib
import json
import math
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from jobqueue.errors import ServerError
from jobqueue.worker.assignment import EXIT_FAILED, EXIT_MISTAKEN, EXIT_REPLACE, HURRY, STOP, Assignment
from jobqueue.worker.reload import SourceWatch
from jobqueue.worker.supervisor_log import SupervisorLog

KILL_AFTER = 5.0
"""Seconds beyond the shutdown timeout after which a process that has not ended is killed."""

RELOAD_TIMEOUT = 5.0
"""Seconds that a process has to end when the code has changed."""

LOOK_EVERY = 1.0
"""Seconds between two looks at the processes, besides those that a signal or a message causes."""

TOLD = "told to stop"
"""Why it ends when no signal says so."""

SHORT_LIFE = 10.0
"""Seconds. A process that dies younger than this is restarted with a delay, which doubles each time."""


class Supervisor:
    """Keeps a number of worker processes running.

    Args:
        assignment: what each of them is to do.
        processes: how many.
        watch: whose changes make it restart them; None if the code is not watched.
    """

    def __init__(self, assignment: Assignment, processes: int, watch: SourceWatch | None = None) -> None:
        self._assignment = assignment
        self._slots = [_Slot() for _ in range(processes)]
        self._watch = watch
        self._log = SupervisorLog()
        self._selector = selectors.DefaultSelector()
        self._stops = 0
        # Why it is to stop, and has not been heeded yet. Handlers only write it down: they may interrupt anything.
        self._asked: deque[str] = deque()
        self._wakeup: socket.socket | None = None
        self._ever_ready = False
        self._exit_code = 0

    def run(self) -> int:
        """Run until told to stop, or until all processes of a burst have ended.

        Returns:
            The exit code: 0; 1 if the processes could not start; 2 if that was because of a wrong reference or URL.
        """
        with self._woken_by_signals() as wakeup:
            while True:
                if self._watch is not None and self._watch.changed():
                    self._reload()
                for slot in self._slots:
                    self._heed()
                    self._tend(slot)
                if not any(slot.child or slot.wanted for slot in self._slots):
                    return self._exit_code
                self._wait(wakeup)

    def stop(self) -> None:
        """End as a first signal would have it. May be called from any thread."""
        self._asked.append(TOLD)
        if self._wakeup is not None:
            with contextlib.suppress(OSError):
                self._wakeup.send(b"x")

    # -- signals -----------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _woken_by_signals(self) -> Iterator[socket.socket]:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        self._selector.register(ours, selectors.EVENT_READ)
        self._wakeup = theirs
        wakeup_before = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        before = {number: signal.signal(number, self._signalled) for number in (signal.SIGTERM, signal.SIGINT)}
        # Only to be woken: what has ended is found by looking.
        before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda number, frame: None)
        try:
            yield ours
        finally:
            signal.set_wakeup_fd(wakeup_before)
            for number, handler in before.items():
                signal.signal(number, handler)
            for slot in self._slots:
                if slot.child:
                    slot.child.kill()
            self._selector.close()
            ours.close()
            theirs.close()

    def _signalled(self, number: int, frame: object) -> None:
        self._asked.append(signal.Signals(number).name)

    def _heed(self) -> None:
        """Do what was asked for by signals and by ``stop``."""
        while self._asked:
            why = self._asked.popleft()
            if why == TOLD and self._stops:
                continue
            self._stops += 1
            self._log.stopping(why, self._stops)
            hurry = self._stops > 1
            for slot in self._slots:
                slot.wanted = False
                if slot.child:
                    slot.child.end(KILL_AFTER + (0 if hurry else self._assignment.shutdown_timeout), hurry)

    def _wait(self, wakeup: socket.socket) -> None:
        times = [LOOK_EVERY + time.monotonic()]
        times += [slot.child.kill_at if slot.child else slot.not_before for slot in self._slots]
        for key, _ in self._selector.select(max(0.0, min(times) - time.monotonic())):
            if key.fileobj is wakeup:
                with contextlib.suppress(BlockingIOError):
                    while wakeup.recv(4096):
                        pass
            else:
                self._hear(key.data)

    # -- processes ---------------------------------------------------------------------------------------------------

    def _tend(self, slot: "_Slot") -> None:
        """Do what is to be done about one process."""
        child = slot.child
        if child is None:
            if slot.wanted and time.monotonic() >= slot.not_before:
                self._start(slot)
        elif (code := child.process.poll()) is not None:
            self._hear(slot)
            self._bury(slot, child, code)
        elif time.monotonic() >= child.kill_at:
            self._log.killing(child.process.pid)
            child.kill()
            child.kill_at = math.inf

    def _start(self, slot: "_Slot") -> None:
        # One of them says what is to be known of the server, and once.
        examines = slot is self._slots[0] and not slot.ready
        slot.child = _Child(replace(self._assignment, examines=examines))
        self._selector.register(slot.child.connection, selectors.EVENT_READ, slot)
        self._log.started(slot.child.process.pid)

    def _hear(self, slot: "_Slot") -> None:
        """Read what a process has said."""
        child = slot.child
        if child is None:
            return
        for message in child.messages():
            if "ready" in message:
                child.ready = slot.ready = self._ever_ready = True
            elif "done" in message:
                child.done = True
            elif "replace" in message:
                child.replaced = True
            elif "dismissed" in message:
                slot.wanted = False
            elif "failed" in message:
                self._log.failed_to_start(message["failed"])
            else:
                child.facts.update(message.get("serves", {}))
                child.ids += [message["uses"]] if "uses" in message else []
        if child.silent and child.connection in self._selector.get_map():
            self._selector.unregister(child.connection)

    def _bury(self, slot: "_Slot", child: "_Child", code: int) -> None:
        """Give the jobs of a process back that has ended, and decide whether there is to be another."""
        if not child.silent:
            self._selector.unregister(child.connection)
        child.connection.close()
        slot.child = None
        cause = _cause(code)
        # A job may end its process with any code: only what the process has said of its end counts.
        done = code == 0 and child.done
        orderly = child.asked or done or (code == EXIT_REPLACE and child.replaced)
        # Whoever kills it with -9, be it the kernel, says nothing of whether it can start.
        able = child.ready or code == -signal.SIGKILL
        if not done:
            self._give_back(child, cause, orderly)
        if done and self._assignment.burst:
            slot.wanted = False
        if not slot.wanted or orderly:
            slot.not_before = 0.0
        elif not able and not self._ever_ready and self._watch is None:
            # The application cannot be imported, or the server refuses: trying again is no use.
            self._exit_code = EXIT_MISTAKEN if code == EXIT_MISTAKEN else EXIT_FAILED
            self._end_all()
        else:
            slot.strikes = 0 if child.age > SHORT_LIFE else slot.strikes + 1
            hopeless = not able and self._watch is not None
            delay = math.inf if hopeless else _delay(slot.strikes, able)
            slot.not_before = time.monotonic() + delay
            self._log.died(child.process.pid, cause, delay)

    def _end_all(self) -> None:
        for slot in self._slots:
            slot.wanted = False
            if slot.child:
                slot.child.end(within=KILL_AFTER)

    def _give_back(self, child: "_Child", cause: str, orderly: bool) -> None:
        """Take back the jobs of a dead process, so that others can run them at once."""
        if not child.ids or not child.facts:
            return
        # Only now: without a client of Redis, this process needs a third of the memory.
        from jobqueue.worker.give_back import give_back

        try:
            for queue, returned, failed in give_back(child.facts, child.ids, cause, orderly):
                if returned or failed:
                    self._log.gave_back(child.process.pid, queue, returned, failed)
        except ServerError as error:
            if child.ready:  # else it never took any
                self._log.could_not_give_back(child.process.pid, error)

    def _reload(self) -> None:
        self._log.reloading()
        for slot in self._slots:
            slot.not_before = 0.0
            slot.strikes = 0
            if slot.child:
                slot.child.end(within=RELOAD_TIMEOUT)


class _Slot:
    """The place of one process: it is filled again when the process dies."""

    def __init__(self) -> None:
        self.child: _Child | None = None
        self.wanted = True
        self.ready = False
        self.not_before = 0.0
        self.strikes = 0


class _Child:
    """One worker process, and what it has said."""

    def __init__(self, assignment: Assignment) -> None:
        self.connection, theirs = socket.socketpair()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "jobqueue.worker.child", str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            # Ctrl-C in a terminal is for the supervisor, which passes it on in its own way.
            process_group=0,
        )
        theirs.close()
        with contextlib.suppress(OSError):  # it has been killed already
            self.connection.sendall(assignment.to_json() + b"\n")
        self.connection.setblocking(False)
        self.ids: list[str] = []
        self.facts: dict[str, Any] = {}
        self.ready = False
        self.asked = False
        self.done = False
        self.replaced = False
        self.silent = False
        self.kill_at = math.inf
        self._started = time.monotonic()
        self._buffer = b""

    @property
    def age(self) -> float:
        """Seconds since it was started."""
        return time.monotonic() - self._started

    def end(self, within: float, hurry: bool = False) -> None:
        """Ask it to end, and remember when it is to be killed if it does not.

        Args:
            within: the seconds that it has.
            hurry: whether its jobs are to be interrupted at once.
        """
        self.asked = True
        self.kill_at = min(self.kill_at, time.monotonic() + within)
        with contextlib.suppress(OSError):  # it has ended, or does not listen: then it is killed
            self.connection.sendall(HURRY if hurry else STOP)
        # Ends it at once while it imports the application, when it cannot listen and holds nothing.
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()

    def messages(self) -> Iterator[dict[str, Any]]:
        """Yield what it has said since the last time."""
        with contextlib.suppress(BlockingIOError, ConnectionError):
            while not self.silent:
                data = self.connection.recv(65536)
                self.silent = not data
                self._buffer += data
        *lines, self._buffer = self._buffer.split(b"\n")
        for line in lines:
            yield json.loads(line)


def _cause(code: int) -> str:
    if code >= 0:
        return f"exited with code {code}"
    with contextlib.suppress(ValueError):
        return f"was killed by {signal.Signals(-code).name}"
    return f"was killed by signal {-code}"


def _delay(strikes: int, able: bool) -> float:
    """Return the seconds before a process is started again that has died young this many times in a row.

    Args:
        strikes: how many times.
        able: whether nothing speaks against its being able to start.
    """
    if able:
        # What kills it is likely to be a job, and those are counted: it is needed again at once, unless it never stops.
        return min(1.0, 0.05 * 2.0 ** max(0, min(strikes, 60) - 50)) if strikes else 0.0
    return min(30.0, 0.5 * 2.0 ** min(strikes, 10))
