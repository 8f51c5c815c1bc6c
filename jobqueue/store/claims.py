"""The claim protocol: how workers register, take jobs, settle them, and are reaped.

The protocol, and why it loses nothing, is explained in ``docs/concepts.md`` and modelled in ``tests/model``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from pydantic_core import to_json

from jobqueue.fingerprint import fingerprint_of
from jobqueue.job import NO_COUNTS, Counts
from jobqueue.outcome import (
    Blocked,
    Cancelled,
    Completed,
    Failed,
    Interrupted,
    Limited,
    Lost,
    Outcome,
    Parked,
    Retried,
    Snoozed,
)
from jobqueue.store.call import Argument, Call, run_command, run_script
from jobqueue.store.keys import QueueKeys
from jobqueue.store.script import script
from jobqueue.versions import newer

MAX_LOST = 3
"""How often a job may be lost with its worker before it has failed."""

HOLDINGS_PAGE = 500
"""How many active jobs one call of ``holdings`` looks at."""

BESIDE_OTHERS = 5
"""How many losses beside other jobs weigh as much as one alone."""

TOMBSTONE_SECONDS = 600
"""How long a dead worker's inbox is looked after: much longer than a BLMOVE that it may have sent can block."""

TOKEN_DIGITS = 20
"""How many digits a token has at most: one more each time that a job is given out."""

LOG_LIMIT = 64 * 1024
"""Bytes that are kept of what a job logs; the oldest lines go first."""


_APPLIED = ord("1")


class Claimed(NamedTuple):
    """A job that a worker has been given.

    Attributes:
        id: its id.
        token: the fencing token of this execution: grows with every execution of any job of the queue.
        specification: the stored text.
        counts: how often it was run before without an end.
        begun: whether it was run before, or revived.
    """

    id: str
    token: int
    specification: bytes
    counts: Counts
    begun: bool = False


class Settlement(NamedTuple):
    """An outcome on its way to the store."""

    id: str
    token: int
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Answer:
    """The reply to ``claim`` and ``settle``.

    Attributes:
        lease: whether the worker's lease is live. If not, nothing was claimed.
        now: the server's time in milliseconds.
        applied: for each outcome, whether it was written; if not, the job is no longer this execution's.
        jobs: what the worker has been given.
        vanished: how many ids were found whose specification the server has lost.
        forgotten: whether the server has lost its latest writes: what it takes the worker to hold is not what the
            worker holds. Nothing was claimed.
    """

    lease: bool
    now: int
    applied: tuple[bool, ...]
    jobs: tuple[Claimed, ...]
    vanished: int
    forgotten: bool = False


@dataclass(frozen=True, slots=True)
class Pulse:
    """The reply to a heartbeat.

    Attributes:
        live: whether the worker still has a lease. If not, its jobs are no longer its own.
        forgotten: whether the server has lost its latest writes; see ``Answer``.
        order: what the worker is told to do; empty for nothing.
        cancelling: the active jobs of the queue that were asked to stop, whoever runs them.
    """

    live: bool
    order: str
    cancelling: tuple[str, ...]
    forgotten: bool = False


class Reaped(NamedTuple):
    """The reply to ``reap``.

    Attributes:
        cursor: for the next call; ``"0"`` when all is done, ``"-1"`` when the worker lives.
        returned: how many jobs wait again.
        failed: how many were lost too often.
    """

    cursor: str
    returned: int
    failed: int


def register(keys: QueueKeys, worker: str, lease: float, info: dict[str, Any]) -> Call[bool]:
    """Enter a worker into the registry of a queue.

    Args:
        keys: the queue.
        worker: an id that no other worker ever had.
        lease: seconds for which it is taken to be alive without a heartbeat.
        info: what ``status`` shows of it.
    """
    return run_script(script("register"), keys, (worker, _ms(lease), to_json(info)), bool)


def heartbeat(keys: QueueKeys, worker: str, lease: float, answered: int = 0) -> Call[Pulse]:
    """Renew the lease of a worker.

    Args:
        keys: the queue.
        worker: the id of the worker.
        lease: seconds for which it is taken to be alive from now on.
        answered: the last request on this queue that the worker was answered; 0 for none.
    """
    return run_script(script("heartbeat"), keys, (worker, _ms(lease), answered), _pulse)


def order(keys: QueueKeys, worker: str, verb: Literal["quiet", "stop", "restart"]) -> Call[bool]:
    """Tell a worker to take no more jobs, to stop or to restart; the reply is whether there is such a worker."""
    return run_script(script("order"), keys, (worker, verb), bool)


def blocking_move(keys: QueueKeys, worker: str, timeout: float, knows_blmove: bool) -> tuple[Argument, ...]:
    """Return the command that waits for a job and moves it into the worker's inbox.

    It is not a ``Call``, because it needs a connection of its own and is never sent again.
    """
    if knows_blmove:
        return ("BLMOVE", keys["wait"], keys.inbox(worker), "RIGHT", "LEFT", timeout)
    return ("BRPOPLPUSH", keys["wait"], keys.inbox(worker), max(1, round(timeout)))


def claim(keys: QueueKeys, worker: str, request: int, n: int, answered: int = 0) -> Call[Answer]:
    """Take up to ``n`` jobs.

    Args:
        keys: the queue.
        worker: the id of the worker.
        request: a number that the worker raises with each claim or settle on this queue. The same number again gets
            the same answer, which may have been lost on its way.
        n: how many jobs the worker can start at once.
        answered: the last request that was answered. If the server does not know of it, it has lost its latest writes;
            with 0 it is not asked.
    """
    return run_script(script("claim"), keys, (worker, str(request), n, answered), _answer, worker=worker)


def settle(
    keys: QueueKeys,
    worker: str,
    request: int,
    n: int,
    settlements: Sequence[Settlement],
    max_lost: int = MAX_LOST,
    answered: int = 0,
) -> Call[Answer]:
    """Write how executions ended and take up to ``n`` jobs; see ``claim``."""
    rest: list[Argument] = []
    for job_id, token, outcome in settlements:
        if type(outcome) is Completed and outcome.result_ttl is None:  # as most are
            number, body = -1, outcome.result
        else:
            number, body = _wire(outcome)
        rest += (job_id, token, outcome.kind, number, body)
    args = (worker, str(request), n, max_lost, answered)
    return run_script(script("settle"), keys, args, _answer, worker=worker, rest=rest)


class Holdings(NamedTuple):
    """Some of the jobs that the server takes a worker to hold, with their tokens, and the cursor for more."""

    cursor: str
    jobs: frozenset[tuple[str, int]]


def holdings(keys: QueueKeys, worker: str, cursor: str = "0") -> Call[Holdings]:
    """Read which jobs the server takes a worker to hold, some at a time: repeat with the cursor until it is ``"0"``."""
    return run_script(script("holdings"), keys, (worker, cursor, HOLDINGS_PAGE), _holdings)


def dying(keys: QueueKeys) -> Call[tuple[str, ...]]:
    """Read which workers are to be reaped."""
    return run_script(script("dying"), keys, (), _ids)


def reap(
    keys: QueueKeys,
    worker: str,
    outcome: Lost | Interrupted,
    *,
    force: bool = False,
    cursor: str = "0",
    max_lost: int = MAX_LOST,
) -> Call[Reaped]:
    """Take the jobs of a dead worker back, some at a time: repeat with the cursor of the reply until it is ``"0"``.

    Args:
        keys: the queue.
        worker: the id of the worker.
        outcome: what is written into the history of its jobs; ``Interrupted`` is not held against them.
        force: whether to reap a worker whose lease is live, because its process is known to be gone.
        cursor: ``"0"``, then the cursor of the last reply.
        max_lost: how often a job may be lost before it has failed. One that the worker held beside others may be lost
            more often: that they were there is weak evidence against each of them.
    """
    _, body = _wire(outcome)
    beside = (max_lost - 1) * BESIDE_OTHERS + 1
    args = (worker, int(force), outcome.kind.value, body, cursor, max_lost, beside, TOMBSTONE_SECONDS * 1000)
    return run_script(script("reap"), keys, args, _reaped, worker=worker)


def unpark(keys: QueueKeys, known: Sequence[tuple[str, str]], versions: Mapping[str, int] | None = None) -> Call[int]:
    """Let parked jobs start that a worker may be able to run, some at a time: repeat until the reply is 0.

    Args:
        keys: the queue.
        known: the tasks that the worker knows, each with the fingerprint of its signature. Jobs that were parked
            because this very signature could not read them stay parked.
        versions: the versions of those tasks. Jobs that wait for a newer one stay parked.
    """
    return run_script(script("unpark"), keys, (), int, rest=_ranges(known, versions or {}))


def fetch(
    keys: QueueKeys, worker: str, n: int, known: Sequence[tuple[str, str]], versions: Mapping[str, int] | None = None
) -> Call[int]:
    """Hand parked jobs to a worker that may be able to run them, past those who cannot: it is to claim them next.

    Args:
        keys: the queue.
        worker: the id of the worker.
        n: how many at most.
        known: see ``unpark``.
        versions: see ``unpark``.
    """
    return run_script(script("fetch"), keys, (worker, n), int, worker=worker, rest=_ranges(known, versions or {}))


def tell(keys: QueueKeys, job_id: str, token: int, progress: bytes, first: int, lines: Sequence[str]) -> Call[bool]:
    """Keep the progress and log lines of a running job.

    Args:
        keys: the queue.
        job_id: the job.
        token: the token of the execution that speaks.
        progress: JSON text, or nothing if it has not changed.
        first: how many lines this execution has written before.
        lines: the new ones.
    """
    args = (job_id, token, progress, LOG_LIMIT, first)
    return run_script(script("tell"), keys, args, bool, rest=[to_json(line) for line in lines])


def enlist(registry: str, queue: str) -> Call[None]:
    """Enter a queue into the set of all queues."""
    return run_command("SADD", registry, queue, read=lambda _: None, repeatable=True)


def _ranges(known: Sequence[tuple[str, str]], versions: Mapping[str, int]) -> list[str]:
    """Return which part of the index of parked jobs a worker may be able to run."""
    rest: list[str] = []
    for task, fingerprint in known:
        # Members of the index are task|fingerprint|id; "}" is the character after "|".
        rest += (f"[{task}|", f"({task}|{fingerprint}|")
        end = f"{task}|{newer(versions[task])}}}" if task in versions else f"{task}}}"
        rest += (f"[{task}|{fingerprint}}}", f"({end}")
    return rest


def _wire(outcome: Outcome) -> tuple[int, bytes]:
    """Return the number and the body that an outcome is sent with."""
    match outcome:
        case Completed(result, ttl):
            return -1 if ttl is None else _ms(ttl), result
        case Retried(error, delay):
            return _ms(delay), error.to_json()
        case Failed(error):
            return -1, error.to_json(fingerprint_of(error.type, error.message, error.traceback).id)
        case Snoozed(delay):
            return _ms(delay), b"null"
        case Cancelled(reason):
            return -1, to_json(reason)
        case Interrupted(reason) | Lost(reason):
            return 0, to_json(reason)
        case Limited(gate, delay):
            return _ms(delay), gate.encode()
        case Blocked(edges):
            return 0, edges.encode()
        case Parked(task, fingerprint, reason):
            return 0, f"{task}|{fingerprint} {reason}".encode("utf-8", "backslashreplace")


def _ms(duration: float) -> int:
    return round(duration * 1000)


def _pulse(reply: Any) -> Pulse:
    state, order, *cancelling = reply
    return Pulse(bool(state), order.decode(errors="backslashreplace"), _ids(cancelling[::2]), state == 2)


def _answer(reply: Any) -> Answer:
    lease, now, verdicts, vanished = reply[:4]
    parts = [iter(reply[4:])] * 4
    # The constructor that NamedTuple writes is a function in Python, and calls this one.
    new = tuple.__new__
    jobs = tuple(
        [
            new(
                Claimed,
                (
                    job_id.decode("utf-8", "surrogateescape"),
                    int(token),
                    specification,
                    Counts.parse(counts) if counts else NO_COUNTS,
                    counts != b"",
                ),
            )
            for job_id, token, specification, counts in zip(*parts, strict=True)
        ]
    )
    applied = () if verdicts == b"-" else tuple([verdict == _APPLIED for verdict in verdicts])
    return Answer(bool(lease), int(now), applied, jobs, vanished, lease == 2)


def _holdings(reply: Any) -> Holdings:
    cursor, *entries = reply
    pairs = zip(*[iter(entries)] * 2, strict=True)
    # No token has so many digits: what has them is nobody's job.
    jobs = frozenset((_id(job), int(token)) for job, token in pairs if len(token) <= TOKEN_DIGITS)
    return Holdings(cursor.decode(), jobs)


def _reaped(reply: Any) -> Reaped:
    cursor, returned, failed = reply
    return Reaped(cursor.decode(), returned, failed)


def _ids(reply: Any) -> tuple[str, ...]:
    return tuple(map(_id, reply))


def _id(text: bytes) -> str:
    """Return an id. One that is no text must not keep others from their turn: it is sent back as it came."""
    return text.decode("utf-8", "surrogateescape")
