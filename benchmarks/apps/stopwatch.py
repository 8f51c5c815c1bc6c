"""Writes down when jobs run, inside the worker, the same way for everybody. Standard library only.

A job appends a number to a list, and nothing else: the time, by the clock that all processes of the machine share. A
thread adds what is new to a file of the process, 50 times a second. The file bullmq/stopwatch.mjs does the same.
"""

import os
import threading
import time
from array import array
from pathlib import Path

EVERY = 0.02

now = time.monotonic
"""The clock: CLOCK_MONOTONIC, which Node reads too."""


class _Record:
    """The numbers of one process."""

    def __init__(self) -> None:
        self.values: list[float] = []
        self._written = 0
        self._lock = threading.Lock()
        self._begun = False

    def begin(self) -> None:
        """Start the thread that writes, once."""
        with self._lock:
            if not self._begun:
                self._begun = True
                threading.Thread(target=self._keep_writing, name="stopwatch", daemon=True).start()

    def write(self, name: str) -> None:
        """Add what is new to a file."""
        new = array("d", self.values[self._written :])
        self._written += len(new)
        if new:
            with Path(os.environ["BENCH_FOLDER"], name).open("ab") as file:
                file.write(new.tobytes())

    def _keep_writing(self) -> None:
        name = str(os.getpid())
        while True:
            time.sleep(EVERY)  # as seldom as can be: it takes time from what is measured
            self.write(name)


_record = _Record()


def _forget() -> None:
    """Begin anew: this process was forked from one that may have run jobs."""
    global _record, _values  # noqa: PLW0603  (one record per process)
    _record = _Record()
    _values = _record.values


_values = _record.values
os.register_at_fork(after_in_child=_forget)


def tick() -> None:
    """Write down that a job runs now. May be called from any thread."""
    if not _values:
        _record.begin()
    _values.append(now())


def note(value: float) -> None:
    """Write down a number. May be called from any thread."""
    if not _values:
        _record.begin()
    _values.append(value)


def tick_and_write() -> None:
    """Write down that a job runs now, where the process ends after it. The file is that of the parent process."""
    _values.append(now())
    _record.write(str(os.getppid()))
