"""Operations on many jobs: which ones are meant, and what is done to them, some at a time.

Each is a generator of calls, so that it is written once for ordinary code and for asyncio. Every batch is complete in
itself: whoever interrupts an operation and asks for it again goes on with what is left.
"""

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, TypeVar

from jobqueue.errors import InvalidOption, QueueInUse
from jobqueue.fingerprint import UNKNOWN, fingerprint_of
from jobqueue.job import Execution, JobInfo, JobState
from jobqueue.limits import RateLimit
from jobqueue.store import bulk, control, inspect, relay
from jobqueue.store.bulk import BATCH, CHANGED, ErrorGroup
from jobqueue.store.call import Call
from jobqueue.store.inspect import Listed, QueueInfo
from jobqueue.store.keys import QueueKeys, queue_keys, registry
from jobqueue.where import Where

T = TypeVar("T")
Steps = Generator[list[Call[Any]] | float, list[Any], T]
"""What ``Connections.follow`` executes: calls to be made in one round trip, or seconds to wait."""

Progress = Callable[[int], None]
"""Is told after each batch how many jobs have been done."""

Grouping = Literal["error", "task", "queue"]
"""What failed jobs can be grouped by."""

Verb = Literal["retry", "remove", "cancel"]

GROUPS = 10_000
"""How many groups of a queue are read at most."""

STATES: tuple[Listed, ...] = ("active", "waiting", "parked", "delayed", "blocked", "failed", "completed", "cancelled")

Read = Callable[[JobInfo], JobInfo]
"""Reads the whole of a job."""

_UNTOUCHED: tuple[Listed, ...] = ("waiting", "parked", "delayed", "blocked")

# What an operation can be done to; and what it is done to if nobody says.
POSSIBLE: dict[Verb, tuple[Listed, ...]] = {
    "retry": ("failed", "cancelled"),
    "remove": (*_UNTOUCHED, "failed", "completed", "cancelled"),
    "cancel": ("active", *_UNTOUCHED),
}
USUAL: dict[Verb, tuple[Listed, ...]] = {**POSSIBLE, "retry": ("failed",)}

_ENDED: tuple[Listed, ...] = ("completed", "failed", "cancelled")

_PLACES: dict[Listed, tuple[str, ...]] = {"waiting": ("line", "backlog"), "parked": ("parking",)}


@dataclass(frozen=True, slots=True)
class FailedGroup:
    """Failed jobs that have something in common.

    Attributes:
        name: what they have in common: the fingerprint of the error, the task or the queue; ``-`` where there is none.
        pattern: the error of the latest, with what differs each time masked.
        count: how many they are.
        first_at: when the first of them failed; None if that is not known.
        last_at: when the last did; None if that is not known.
        tasks: the names of their tasks.
        queues: the names of their queues.
        examples: some of their ids, the latest first.
    """

    name: str
    pattern: str
    count: int
    first_at: datetime | None
    last_at: datetime | None
    tasks: tuple[str, ...]
    queues: tuple[str, ...]
    examples: tuple[str, ...]


def states_of(where: Where, states: Iterable[Listed] | None, usual: Sequence[Listed]) -> tuple[Listed, ...]:
    """Return the states in which jobs are looked for, in their order.

    Args:
        where: the condition, which may name some.
        states: those that were asked for; None for those of the condition.
        usual: what is looked at if nobody says.
    """
    named = where.only("state")
    asked = set(states) if states is not None else set(STATES) if named is not None else set(usual)
    if where.needs("error", "fingerprint", "failed_at"):
        asked &= {"failed"}
    elif where.needs("ended_at"):
        asked &= set(_ENDED)
    return tuple(state for state in STATES if state in asked and (named is None or state in named))


def possible(verb: Verb, where: Where, states: Iterable[Listed] | None) -> tuple[Listed, ...]:
    """Return the states of the jobs that an operation is done to; see ``states_of``.

    Raises:
        InvalidOption: it cannot be done to jobs in one of them.
    """
    wanted = states_of(where, states, USUAL[verb])
    if wrong := [state for state in wanted if state not in POSSIBLE[verb]]:
        hint = ": cancel them first" if verb == "remove" else ""
        raise InvalidOption(f"{verb} cannot be done to {wrong[0]} jobs, only to {', '.join(POSSIBLE[verb])}{hint}")
    return wanted


def select(
    keys: QueueKeys, where: Where, states: Sequence[Listed], read: Read
) -> Generator[Call[Any] | tuple[JobInfo, ...], Any, None]:
    """Yield calls, whose replies are to be sent in, and the jobs that are found: some at a time.

    A job that ends after this began is left out of those that have ended: what is run again and fails again is not
    found twice.

    Args:
        keys: the queue.
        where: what the jobs are to meet.
        states: where to look.
        read: reads the whole of a job that is not decoded where many are listed, if the condition looks into it. One at
            a time, and it is not kept: a page of them would take too much memory.
    """
    looks_inside = where.looks_inside
    queues = where.only("queue")
    if queues is not None and keys.queue not in queues:
        return
    info: QueueInfo = yield inspect.overview(keys)
    low, high = where.between("ended_at", info.now)
    first_failed, last_failed = where.between("failed_at", info.now)
    for state in states:
        legs: Sequence[tuple[str, str, str]] = [(place, "", "") for place in _PLACES.get(state, (state,))]
        if state in _ENDED:
            since = max((at for at in (low, state == "failed" and first_failed) if at), default=None)
            until = min(at for at in (info.now, high, state == "failed" and last_failed) if at)
            begin, end = "" if since is None else str(_ms(since)), str(_ms(until))
            legs = [(state, begin, end)]
            if state == "failed":
                found_by_index = yield from _by_index(keys, where, begin, end)
                legs = legs if found_by_index is None else found_by_index
        for place, cursor, last in legs:
            following: str | None = cursor
            while following is not None:
                page = yield inspect.scan(keys, place, following, last, BATCH)
                found = tuple(
                    job
                    for job in page.jobs
                    if where.matches(read(job) if looks_inside and job.unread else job, info.now)
                )
                if found:
                    yield found
                following = page.cursor


def _by_index(
    keys: QueueKeys, where: Where, begin: str, end: str
) -> Generator[Call[Any], Any, list[tuple[str, str, str]] | None]:
    """Return the ranges of the index of errors that have what is looked for, or None if it does not help."""
    tasks, fingerprints = where.only("task"), where.only("fingerprint")
    if tasks is None and fingerprints is None:
        return None
    legs = []
    for fingerprint in sorted(fingerprints) if fingerprints is not None else [""]:
        cursor, read = "", 0
        while True:
            page = yield bulk.errors(keys, cursor, fingerprint=fingerprint)
            if page.grouped < page.failed or read > GROUPS:
                return None  # some failed before there was an index, or it is not worth while
            for group in page.groups:
                read += 1
                if tasks is None or group.task in tasks:
                    head = f"{group.fingerprint}|{group.task}|"
                    first = f"[{head}{int(begin):013}|" if begin else f"[{head}"
                    legs.append(("errors", first, f"({head}{int(end):013}}}"))
            cursor = page.cursor
            if not cursor:
                break
    return legs


def _ms(moment: datetime) -> int:
    return max(0, round(moment.timestamp() * 1000))


def change(
    keys: QueueKeys,
    verb: Verb,
    where: Where,
    states: Sequence[Listed],
    read: Read,
    *,
    reason: str = "",
    rate: RateLimit | None = None,
    progress: Progress | None = None,
) -> Steps[int]:
    """Retry, remove or cancel jobs, and return how many.

    Args:
        keys: the queue.
        verb: what is done.
        where: to which jobs.
        states: the states that they are in.
        read: see ``select``.
        reason: why they are cancelled.
        rate: how many in a time.
        progress: is told how many have been done.
    """
    pace = _Pace(rate)
    done = 0
    steps = select(keys, where, states, read)
    step = next(steps, None)
    while step is not None:
        if isinstance(step, Call):
            [reply] = yield [step]
            step = answered(steps, reply)
            continue
        for batch in _batches(step, pace.batch):
            if (wait := pace.wait()) > 0:
                yield wait
            ids = [job.id for job in batch]
            match verb:
                case "retry":
                    call = bulk.retry_many(keys, batch[0].state, ids)
                case "remove":
                    call = bulk.remove_many(keys, batch[0].state, ids)
                case "cancel":
                    call = bulk.cancel_many(keys, batch[0].state, ids, reason)
            [count] = yield [call]
            pace.count(len(ids))
            done += count
            if progress is not None:
                progress(done)
        step = next(steps, None)
    return done


def answered(steps: Generator[T, Any, None], reply: Any) -> T | None:
    """Send the reply to a call into a generator, and return what it yields next; None if it is over."""
    try:
        return steps.send(reply)
    except StopIteration:
        return None


def _batches(jobs: Sequence[JobInfo], size: int) -> Iterator[Sequence[JobInfo]]:
    for start in range(0, len(jobs), size):
        yield jobs[start : start + size]


class _Pace:
    """How fast an operation may go.

    Args:
        rate: how many jobs in a time; None for as fast as it can.
    """

    def __init__(self, rate: RateLimit | None) -> None:
        self._interval = 0.0 if rate is None else rate.per / rate.limit
        self.batch = CHANGED if rate is None else max(1, min(CHANGED, int(0.1 / self._interval)))
        self._due = time.monotonic()

    def wait(self) -> float:
        """Return the seconds after which the next batch may begin."""
        return self._due - time.monotonic()

    def count(self, jobs: int) -> None:
        """Count jobs that have been done."""
        self._due = max(self._due, time.monotonic()) + jobs * self._interval


def drain(keys: QueueKeys, *, delayed: bool, progress: Progress | None) -> Steps[int]:
    """Delete the jobs that wait until there are none, and return how many.

    Args:
        keys: the queue.
        delayed: whether to delete delayed jobs as well.
        progress: is told how many have been done.
    """
    done, more = 0, True
    while more:
        [reply] = yield [bulk.drain(keys, delayed=delayed)]
        done, more = done + reply.deleted, reply.more
        if progress is not None:
            progress(done)
    return done


def clean(keys: QueueKeys, state: JobState, older_than: float, keep: int, *, progress: Progress | None) -> Steps[int]:
    """Delete jobs that have ended, the oldest first, and return how many.

    Args:
        keys: the queue.
        state: completed, failed or cancelled.
        older_than: only those that ended this many seconds ago, or before.
        keep: how many of the latest stay in any case.
        progress: is told how many have been done.
    """
    [info] = yield [inspect.overview(keys)]
    before = max(0, _ms(info.now) - round(older_than * 1000))
    done, count = 0, BATCH
    while count == BATCH:
        [count] = yield [bulk.clean(keys, state, before, keep)]
        done += count
        if progress is not None:
            progress(done)
    return done


def obliterate(keys: QueueKeys, *, force: bool) -> Steps[int]:
    """Delete a queue with everything in it, and return how many jobs it had.

    Args:
        keys: the queue.
        force: whether to do so although workers serve it, or jobs run.

    Raises:
        QueueInUse: workers serve it, or jobs run.
    """
    [info] = yield [inspect.overview(keys)]
    _check_unused(info, force=force)
    [paused] = yield [control.pause(keys)]
    # Nothing starts any more; what has started since is seen now.
    [info] = yield [inspect.overview(keys)]
    try:
        _check_unused(info, force=force)
    except QueueInUse:
        if paused:
            yield [control.resume(keys)]
        raise
    told = 1
    while told:
        [told] = yield [bulk.sever(keys)]
    yield from _tell_others(keys)
    dead_and_alive = yield [bulk.workers(keys), bulk.tombstones(keys)]
    yield [bulk.unlink(keys, [worker for workers in dead_and_alive for worker in workers])]
    yield [bulk.strike_off(registry(keys.prefix), keys.queue)]
    return sum(info.counts.values())


def _check_unused(info: QueueInfo, *, force: bool) -> None:
    active = info.counts[JobState.ACTIVE]
    if not force and (active or info.workers):
        raise QueueInUse(info.name, active, len(info.workers))


def _tell_others(keys: QueueKeys) -> Steps[None]:
    """Carry what a queue has to tell to jobs of other queues there."""
    while True:
        [reply] = yield [relay.relay(keys)]
        for name in {message.queue for message in reply.messages}:
            messages = [message for message in reply.messages if message.queue == name]
            yield [relay.receive(queue_keys(keys.prefix, name), messages)]
            yield [relay.delivered(keys, messages)]
        if not reply.more and not reply.messages:
            return


def error_groups(queues: Sequence[QueueKeys], by: Grouping, most: int) -> Steps[list[FailedGroup]]:
    """Return the groups of the failed jobs of some queues, the largest first.

    Args:
        queues: the queues.
        by: what the jobs of a group have in common.
        most: how many groups.
    """
    found: dict[str, FailedGroup] = {}
    latest: dict[str, tuple[QueueKeys, str]] = {}
    for keys in queues:
        cursor, read, indexed = "", 0, 0
        while True:
            [page] = yield [bulk.errors(keys, cursor)]
            for group in page.groups:
                read, indexed = read + 1, indexed + group.size
                name = {"error": group.fingerprint, "task": group.task, "queue": group.queue}[by] or UNKNOWN
                before = found.get(name)
                if before is None or before.last_at is None or group.last_at >= before.last_at:
                    latest[name] = (keys, group.examples[0])
                found[name] = _merged(before, _group_of(name, group))
            cursor = page.cursor
            if not cursor or read >= GROUPS:
                break
        # What failed before there was an index, and what is in more groups than are read.
        if (rest := page.failed - indexed) > 0:
            name = keys.queue if by == "queue" else UNKNOWN
            group = FailedGroup(name, "", rest, None, None, (), (keys.queue,), ())
            found[name] = _merged(found.get(name), group)
    groups = sorted(found.values(), key=lambda group: (-group.count, group.name))[:most]
    shown = [group.name for group in groups if group.name in latest]
    texts = (yield [bulk.outcome(*latest[name]) for name in shown]) if shown else []
    patterns = {name: _pattern(text) for name, text in zip(shown, texts, strict=True)}
    return [replace(group, pattern=patterns.get(group.name) or "unknown") for group in groups]


def _group_of(name: str, group: ErrorGroup) -> FailedGroup:
    tasks = (group.task,) if group.task else ()
    return FailedGroup(name, "", group.size, group.first_at, group.last_at, tasks, (group.queue,), group.examples)


def _merged(one: FailedGroup | None, other: FailedGroup) -> FailedGroup:
    if one is None:
        return other
    newer, older = (
        (other, one) if one.last_at is None or (other.last_at and other.last_at >= one.last_at) else (one, other)
    )
    return FailedGroup(
        one.name,
        "",
        one.count + other.count,
        min((at for at in (one.first_at, other.first_at) if at), default=None),
        max((at for at in (one.last_at, other.last_at) if at), default=None),
        tuple(sorted({*one.tasks, *other.tasks})),
        tuple(sorted({*one.queues, *other.queues})),
        (*newer.examples, *older.examples)[: bulk.EXAMPLES],
    )


def _pattern(text: bytes) -> str:
    if not text:
        return ""
    ending = Execution.read(text)
    return fingerprint_of(ending.error_type, ending.message, ending.traceback).pattern
