"""What was promised and what was done, written down outside of Redis, by all processes into one file.

One line for each event, its words separated by spaces, its last word the time in nanoseconds of the clock that all
processes of a machine share, and that goes on while a process stands still::

    accepted QUEUE ID BEGAN TIME       enqueueing has returned; when it was begun may be missing
    unknown QUEUE ID TIME              enqueueing has raised: the job may be there, or not
    start QUEUE ID TOKEN PID TIME      an execution has begun
    end QUEUE ID TOKEN PID HOW TIME    it has raised or been cancelled
    end QUEUE ID TOKEN PID returned RESULT TIME    it has returned; the digest of its result may be missing
    killed PID TIME                    a process was killed, or stopped for good
    fault NAME TIME                    something was done to the system
    healed NAME TIME                   it was undone
"""

import hashlib
import json
import os
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


class Ledger:
    """Writes into the file. Each process opens it for itself; a line is written by one call, so lines never mix.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def write(self, *words: object) -> None:
        """Write an event."""
        os.write(self._file, f"{' '.join(map(str, words))} {now()}\n".encode())

    def write_all(self, lines: Iterable[tuple[object, ...]]) -> None:
        """Write events that have happened in the same moment."""
        at = now()
        text = "".join(f"{' '.join(map(str, words))} {at}\n" for words in lines)
        os.write(self._file, text.encode())

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


def now() -> int:
    """Return the time that the ledger has, in nanoseconds."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def digest(result: Any) -> str:
    """Return a short text that is the same for the same result, a JSON value."""
    text = json.dumps(result, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


@dataclass(slots=True)
class Run:
    """One execution of a job.

    Attributes:
        token: its fencing token.
        pid: the process.
        started: when, in nanoseconds.
        ended: when; None if it never did.
        how: how it ended: ``returned``, ``raised``, ``cancelled``; empty if it never did.
        result: the digest of what it returned; empty if it did not, or nobody has written it down.
    """

    token: int
    pid: int
    started: int
    ended: int | None = None
    how: str = ""
    result: str = ""


Name = tuple[str, str]
"""A job: its queue and its id."""


@dataclass
class Account:
    """What a ledger says.

    Attributes:
        accepted: the jobs that were promised, and when.
        begun: when the call that enqueued them was begun: in one of several steps, a part may be written that early.
        unknown: those that may be there or not.
        runs: the executions of each job, in the order in which they began.
        killed: when processes were killed, in nanoseconds.
        faults: how often each fault was injected.
        struck: when faults were injected, in nanoseconds.
        healed: when something was undone, in nanoseconds.
        signs: when executions have begun or ended, in the order of time.
    """

    accepted: dict[Name, int] = field(default_factory=dict)
    begun: dict[Name, int] = field(default_factory=dict)
    unknown: set[Name] = field(default_factory=set)
    runs: dict[Name, list[Run]] = field(default_factory=lambda: defaultdict(list))
    killed: dict[int, int] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    struck: list[int] = field(default_factory=list)
    healed: list[int] = field(default_factory=list)
    signs: list[int] = field(default_factory=list)


def read(path: Path) -> Account:
    """Return what a ledger says."""
    account = Account()
    open_runs: dict[tuple[str, str, str, str], Run] = {}
    with path.open() as file:
        for line in file:
            match line.split():
                case ["accepted", queue, job, *began, at] if len(began) <= 1:
                    account.accepted[queue, job] = int(at)
                    account.begun[queue, job] = int("".join(began) or at)
                case ["unknown", queue, job, _]:
                    account.unknown.add((queue, job))
                case ["start", queue, job, token, pid, at]:
                    run = Run(int(token), int(pid), int(at))
                    open_runs[queue, job, token, pid] = run
                    account.runs[queue, job].append(run)
                    account.signs.append(int(at))
                case ["end", queue, job, token, pid, how, *result, at]:
                    run = open_runs.pop((queue, job, token, pid))
                    run.ended, run.how, run.result = int(at), how, "".join(result)
                    account.signs.append(int(at))
                case ["killed", pid, at]:
                    account.killed[int(pid)] = int(at)
                case ["fault", name, at]:
                    account.faults[name] += 1
                    account.struck.append(int(at))
                case ["healed", _, at]:
                    account.healed.append(int(at))
                case words:
                    raise ValueError(f"not a line of a ledger: {words}")
    account.unknown -= account.accepted.keys()
    for run in open_runs.values():
        run.ended = account.killed.get(run.pid)
    return account
