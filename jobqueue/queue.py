"""A queue: enqueue into it by name, pause it, look into it."""

import math
from collections.abc import AsyncIterator, Generator, Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any, Literal, Protocol, TypedDict

from typing_extensions import Unpack

from jobqueue import operations
from jobqueue.durations import seconds
from jobqueue.errors import InvalidOption
from jobqueue.handle import JobHandle, any_result
from jobqueue.job import JobInfo, JobState
from jobqueue.limits import LIMIT_NAMES, Limits, OnFull, RateLimit
from jobqueue.names import check_key, check_name
from jobqueue.operations import FailedGroup, Grouping, Progress, Steps, Verb
from jobqueue.options import EnqueueOptions, check_known
from jobqueue.store import control, inspect, jobs, rules
from jobqueue.store.call import Call
from jobqueue.store.connections import Connections
from jobqueue.store.inspect import Listed, QueueInfo
from jobqueue.store.keys import QueueKeys
from jobqueue.store.stats import Stats, gather_stats
from jobqueue.task import Draft
from jobqueue.where import parse

PAGE = 100
"""How many jobs are read with one call when they are listed."""


class LimitOptions(TypedDict, total=False):
    """What ``Queue.limit`` takes; see ``jobqueue.Limits``."""

    concurrency: int | None
    rate: RateLimit | None
    weight: float | None
    max_size: int | None
    on_full: OnFull | None
    block_timeout: float | timedelta


class Producer(Protocol):
    """What a queue needs of an application."""

    def enqueue(self, draft: Draft[Any]) -> JobHandle[Any]:
        """Enqueue a job."""
        ...

    async def aenqueue(self, draft: Draft[Any]) -> JobHandle[Any]:
        """Enqueue a job from asyncio."""
        ...

    def draft_by_name(self, task: str, arguments: Mapping[str, Any], options: EnqueueOptions) -> Draft[Any]:
        """Return a job of a task that may be unknown here."""
        ...


class Queue:
    """A queue of an application, by name. Asking for one creates nothing.

    Each method that talks to the server has a twin for asyncio, whose name begins with ``a``.

    Attributes:
        name: its name.
    """

    def __init__(self, keys: QueueKeys, connections: Connections, producer: Producer) -> None:
        self.name = keys.queue
        self._keys = keys
        self._connections = connections
        self._producer = producer

    def __repr__(self) -> str:
        return f"<Queue {self.name}>"

    def enqueue(
        self, task: str, arguments: Mapping[str, Any] | None = None, /, **options: Unpack[EnqueueOptions]
    ) -> JobHandle[Any]:
        """Enqueue a job by the name of its task. The task may live in another program, or another language.

        Args:
            task: the name of the task. If the application knows it, the arguments are checked, and are of the version
                that the task has there. A job under a name that the task had before keeps that name: new workers know
                both, and old ones know no other.
            arguments: the arguments by parameter name, as JSON values.
            options: see ``EnqueueOptions``.

        Raises:
            InvalidJob: the name, the arguments or an option are refused; see ``jobqueue.errors``.
            ServerError: Redis refuses, is full, or is not available.
        """
        return self._producer.enqueue(self.draft(task, arguments, **options))

    async def aenqueue(
        self, task: str, arguments: Mapping[str, Any] | None = None, /, **options: Unpack[EnqueueOptions]
    ) -> JobHandle[Any]:
        """See ``enqueue``."""
        return await self._producer.aenqueue(self.draft(task, arguments, **options))

    def draft(
        self, task: str, arguments: Mapping[str, Any] | None = None, /, **options: Unpack[EnqueueOptions]
    ) -> Draft[Any]:
        """Return a job to be enqueued with many others by ``enqueue_many``; see ``enqueue``."""
        return self._producer.draft_by_name(task, arguments or {}, {**options, "queue": self.name})

    def job(self, job_id: str) -> JobHandle[Any]:
        """Return a handle to a job by its id. Whether there is such a job shows when it is used."""
        return JobHandle(job_id, self._keys, self._connections, any_result)

    def pause(self, *, key: str | None = None, task: str | None = None) -> bool:
        """Keep jobs from starting. Those that run go on; new ones are accepted and wait.

        Args:
            key: only those of this key.
            task: only those of this task.

        Returns:
            Whether the queue was running before; of a key or a task, True.
        """
        if (gate := _gate(key, task)) is None:
            return self._connections.run(control.pause(self._keys))
        self._connections.run(rules.limit(self._keys, gate, {"paused": "1"}))
        return True

    async def apause(self, *, key: str | None = None, task: str | None = None) -> bool:
        """See ``pause``."""
        if (gate := _gate(key, task)) is None:
            return await self._connections.arun(control.pause(self._keys))
        await self._connections.arun(rules.limit(self._keys, gate, {"paused": "1"}))
        return True

    def resume(self, *, key: str | None = None, task: str | None = None) -> bool:
        """Let jobs start again; see ``pause``.

        Returns:
            Whether the queue was paused before; of a key or a task, True.
        """
        if (gate := _gate(key, task)) is None:
            return self._connections.run(control.resume(self._keys))
        self._connections.run(rules.limit(self._keys, gate, {"paused": "-"}))
        return True

    async def aresume(self, *, key: str | None = None, task: str | None = None) -> bool:
        """See ``resume``."""
        if (gate := _gate(key, task)) is None:
            return await self._connections.arun(control.resume(self._keys))
        await self._connections.arun(rules.limit(self._keys, gate, {"paused": "-"}))
        return True

    def limit(self, *, key: str | None = None, task: str | None = None, **limits: Unpack[LimitOptions]) -> None:
        """Change limits of the queue, at once and for all workers and producers; those that are not named stay.

        What is set here takes the place of what the code declares, until ``reset_limits``.

        Args:
            key: limit only the jobs of this key; ``"*"`` for each key that has no limits of its own.
            task: limit only the jobs of this task.
            limits: as in ``Limits``; None takes a limit away.

        Raises:
            InvalidOption: a limit cannot work, or makes no sense there.
            UnknownOption: there is no such limit.
        """
        self._connections.run(rules.limit(self._keys, *_new_limits(key, task, limits)))

    async def alimit(self, *, key: str | None = None, task: str | None = None, **limits: Unpack[LimitOptions]) -> None:
        """See ``limit``."""
        await self._connections.arun(rules.limit(self._keys, *_new_limits(key, task, limits)))

    def reset_limits(self, *, key: str | None = None, task: str | None = None) -> None:
        """Take limits back to what the code declares; see ``limit``."""
        values = dict.fromkeys(LIMIT_NAMES, "")
        self._connections.run(rules.limit(self._keys, _gate(key, task) or rules.QUEUE, values))

    async def areset_limits(self, *, key: str | None = None, task: str | None = None) -> None:
        """See ``reset_limits``."""
        values = dict.fromkeys(LIMIT_NAMES, "")
        await self._connections.arun(rules.limit(self._keys, _gate(key, task) or rules.QUEUE, values))

    def limits(self) -> Mapping[str, Limits]:
        """Return the limits that hold, by what has them: ``queue``, ``keys`` (each key), ``key:KEY``, ``task:NAME``."""
        return self._connections.run(rules.limits(self._keys))

    async def alimits(self) -> Mapping[str, Limits]:
        """See ``limits``."""
        return await self._connections.arun(rules.limits(self._keys))

    def paused_parts(self) -> tuple[str, ...]:
        """Return which keys and tasks are paused: ``key:KEY``, ``task:NAME``."""
        return self._connections.run(rules.paused(self._keys))

    async def apaused_parts(self) -> tuple[str, ...]:
        """See ``paused_parts``."""
        return await self._connections.arun(rules.paused(self._keys))

    def cancel_key(self, key: str, reason: str = "") -> int:
        """Call off all jobs of a key that have not ended, some at a time; see ``JobHandle.cancel``.

        Returns:
            How many there were.
        """
        count, last = 0, ""
        while page := self._connections.run(jobs.of_key(self._keys, check_key(key), last, PAGE)):
            self._connections.run_many([jobs.cancel(self._keys, job_id, reason) for job_id in page])
            count, last = count + len(page), page[-1]
        return count

    async def acancel_key(self, key: str, reason: str = "") -> int:
        """See ``cancel_key``."""
        count, last = 0, ""
        while page := await self._connections.arun(jobs.of_key(self._keys, check_key(key), last, PAGE)):
            await self._connections.arun_many([jobs.cancel(self._keys, job_id, reason) for job_id in page])
            count, last = count + len(page), page[-1]
        return count

    def info(self) -> QueueInfo:
        """Return how the queue stands: counts by state, the oldest waiting job, its workers."""
        return self._connections.run(inspect.overview(self._keys))

    async def ainfo(self) -> QueueInfo:
        """See ``info``."""
        return await self._connections.arun(inspect.overview(self._keys))

    def stats(self, *, since: float | timedelta = 3600.0) -> list[Stats]:
        """Return the figures of each task of the queue; see ``Inspection.stats``, which has those of the queue itself.

        Args:
            since: seconds before now. Whole minutes are counted, and they are kept for a day.
        """
        return self._connections.follow(gather_stats([self._keys], seconds(since, "since"), "task"))

    async def astats(self, *, since: float | timedelta = 3600.0) -> list[Stats]:
        """See ``stats``."""
        return await self._connections.afollow(gather_stats([self._keys], seconds(since, "since"), "task"))

    def keep_events(self, on: bool = True) -> None:
        """Have the queue write down what happens to its jobs, also while nobody follows it; see ``Inspection.events``.

        Args:
            on: False to end it. What was written down stays.
        """
        self._connections.run(control.keep_events(self._keys, math.inf if on else 0))

    async def akeep_events(self, on: bool = True) -> None:
        """See ``keep_events``."""
        await self._connections.arun(control.keep_events(self._keys, math.inf if on else 0))

    def jobs(self, state: Listed) -> Iterator[JobInfo]:
        """Read the jobs in a state, in pages: the next to run, the next due or the latest to end first.

        Args:
            state: a state, or ``"parked"`` for those among the waiting that no worker can run.
        """
        cursor: str | None = "0"
        while cursor is not None:
            page = self._connections.run(inspect.list_jobs(self._keys, state, cursor, PAGE))
            yield from self._revealed(page.jobs)
            cursor = page.cursor

    async def ajobs(self, state: Listed) -> AsyncIterator[JobInfo]:
        """See ``jobs``."""
        cursor: str | None = "0"
        while cursor is not None:
            page = await self._connections.arun(inspect.list_jobs(self._keys, state, cursor, PAGE))
            for job in self._revealed(page.jobs):
                yield job
            cursor = page.cursor

    def find(self, where: str = "", *, states: Iterable[Listed] | None = None) -> Iterator[JobInfo]:
        """Read the jobs that meet a condition, in pages; jobs that come or leave meanwhile are no trouble.

        Args:
            where: the condition, such as ``"task=send and error~Timeout and failed_at>-2h"``; see ``jobqueue.where``.
            states: where to look; all states if it is left out.

        Raises:
            InvalidOption: the condition cannot be understood.
        """
        steps = self._selection(where, states)
        step = next(steps, None)
        while step is not None:
            if isinstance(step, Call):
                step = operations.answered(steps, self._connections.run(step))
            else:
                yield from self._revealed(step)
                step = next(steps, None)

    async def afind(self, where: str = "", *, states: Iterable[Listed] | None = None) -> AsyncIterator[JobInfo]:
        """See ``find``."""
        steps = self._selection(where, states)
        step = next(steps, None)
        while step is not None:
            if isinstance(step, Call):
                step = operations.answered(steps, await self._connections.arun(step))
            else:
                for job in self._revealed(step):
                    yield job
                step = next(steps, None)

    def retry_all(
        self,
        where: str = "",
        *,
        states: Iterable[Listed] | None = None,
        rate: RateLimit | None = None,
        progress: Progress | None = None,
    ) -> int:
        """Let jobs run again that have failed, or were cancelled, with all their attempts; see ``JobHandle.retry``.

        It goes in batches. One that fails again meanwhile is not retried again, and if this is interrupted, the same
        call goes on with what is left.

        Args:
            where: which jobs; see ``find``.
            states: in which states; the failed ones if neither this nor the condition says so.
            rate: how many in a time; as fast as it can if it is left out.
            progress: is told after each batch how many have been done.

        Returns:
            How many wait again. Those are left out whose deduplication key another job has by now.

        Raises:
            InvalidOption: the condition cannot be understood, or a job in one of the states cannot be retried.
        """
        return self._connections.follow(self._change("retry", where, states, "", rate, progress))

    async def aretry_all(
        self,
        where: str = "",
        *,
        states: Iterable[Listed] | None = None,
        rate: RateLimit | None = None,
        progress: Progress | None = None,
    ) -> int:
        """See ``retry_all``."""
        return await self._connections.afollow(self._change("retry", where, states, "", rate, progress))

    def remove_all(
        self,
        where: str = "",
        *,
        states: Iterable[Listed] | None = None,
        rate: RateLimit | None = None,
        progress: Progress | None = None,
    ) -> int:
        """Delete jobs and all that is kept of them, in batches; running ones stay.

        Args:
            where: which jobs; see ``find``.
            states: in which states; in all but active if neither this nor the condition says so.
            rate: see ``retry_all``.
            progress: see ``retry_all``.

        Returns:
            How many were deleted.

        Raises:
            InvalidOption: the condition cannot be understood, or names active jobs.
        """
        return self._connections.follow(self._change("remove", where, states, "", rate, progress))

    async def aremove_all(
        self,
        where: str = "",
        *,
        states: Iterable[Listed] | None = None,
        rate: RateLimit | None = None,
        progress: Progress | None = None,
    ) -> int:
        """See ``remove_all``."""
        return await self._connections.afollow(self._change("remove", where, states, "", rate, progress))

    def cancel_all(
        self,
        where: str = "",
        *,
        states: Iterable[Listed] | None = None,
        reason: str = "",
        rate: RateLimit | None = None,
        progress: Progress | None = None,
    ) -> int:
        """Call jobs off, in batches; see ``JobHandle.cancel``.

        Args:
            where: which jobs; see ``find``.
            states: in which states; in all that are no end if neither this nor the condition says so.
            reason: why, for those who look at the jobs later.
            rate: see ``retry_all``.
            progress: see ``retry_all``.

        Returns:
            How many were cancelled, or asked to stop.

        Raises:
            InvalidOption: the condition cannot be understood, or names jobs that have ended.
        """
        return self._connections.follow(self._change("cancel", where, states, reason, rate, progress))

    async def acancel_all(
        self,
        where: str = "",
        *,
        states: Iterable[Listed] | None = None,
        reason: str = "",
        rate: RateLimit | None = None,
        progress: Progress | None = None,
    ) -> int:
        """See ``cancel_all``."""
        return await self._connections.afollow(self._change("cancel", where, states, reason, rate, progress))

    def failed_groups(self, by: Grouping = "error", *, most: int = 100) -> list[FailedGroup]:
        """Return the failed jobs in groups, the largest first: from an index, however many there are.

        Args:
            by: what the jobs of a group have in common: ``"error"`` (see ``jobqueue.fingerprint``), ``"task"`` or
                ``"queue"``.
            most: how many groups.
        """
        return self._connections.follow(operations.error_groups([self._keys], by, most))

    async def afailed_groups(self, by: Grouping = "error", *, most: int = 100) -> list[FailedGroup]:
        """See ``failed_groups``."""
        return await self._connections.afollow(operations.error_groups([self._keys], by, most))

    def drain(self, *, delayed: bool = False, progress: Progress | None = None) -> int:
        """Delete the jobs that wait, in batches, until there are none. Running ones go on.

        They are deleted rather than cancelled, so that there is room in the server at once; ``cancel_all`` keeps a
        record of each. Whoever waits for one is told, and so are the jobs that depend on it.

        Args:
            delayed: whether to delete delayed jobs as well.
            progress: see ``retry_all``.

        Returns:
            How many were deleted.
        """
        return self._connections.follow(operations.drain(self._keys, delayed=delayed, progress=progress))

    async def adrain(self, *, delayed: bool = False, progress: Progress | None = None) -> int:
        """See ``drain``."""
        return await self._connections.afollow(operations.drain(self._keys, delayed=delayed, progress=progress))

    def clean(
        self,
        state: Literal["completed", "failed", "cancelled"],
        *,
        older_than: float | timedelta = 0,
        keep: int = 0,
        progress: Progress | None = None,
    ) -> int:
        """Delete jobs that have ended, in batches, the oldest first; the retention does so by itself.

        Args:
            state: which ones.
            older_than: only those that ended this many seconds ago (or a ``timedelta``), or before.
            keep: how many of the latest stay in any case.
            progress: see ``retry_all``.

        Returns:
            How many were deleted.

        Raises:
            InvalidOption: a value cannot work.
        """
        return self._connections.follow(self._clean(state, older_than, keep, progress))

    async def aclean(
        self,
        state: Literal["completed", "failed", "cancelled"],
        *,
        older_than: float | timedelta = 0,
        keep: int = 0,
        progress: Progress | None = None,
    ) -> int:
        """See ``clean``."""
        return await self._connections.afollow(self._clean(state, older_than, keep, progress))

    def obliterate(self, *, force: bool = False) -> int:
        """Delete the queue with everything in it: jobs, limits, deduplication keys, schedules, what was paused.

        It is paused first, so that nothing starts meanwhile; if this is interrupted it stays paused, and the same call
        goes on. What is enqueued while it goes on is deleted too. Jobs of other queues that depend on one of it are
        told that it was removed. Schedules in code come back when a worker that has them starts; those that were put
        at run time do not.

        Args:
            force: whether to do so although workers serve it, or jobs run. Those run on, and what becomes of them is
                refused.

        Returns:
            How many jobs it had.

        Raises:
            QueueInUse: workers serve it, or jobs run.
        """
        return self._connections.follow(operations.obliterate(self._keys, force=force))

    async def aobliterate(self, *, force: bool = False) -> int:
        """See ``obliterate``."""
        return await self._connections.afollow(operations.obliterate(self._keys, force=force))

    def _revealed(self, found: Iterable[JobInfo]) -> Iterator[JobInfo]:
        return (self._connections.revealed(self._keys, job) for job in found)

    def _read(self, job: JobInfo) -> JobInfo:
        return self._connections.read(self._keys, job)

    def _selection(
        self, where: str, states: Iterable[Listed] | None
    ) -> Generator[Call[Any] | tuple[JobInfo, ...], Any, None]:
        condition = parse(where)
        wanted = operations.states_of(condition, states, operations.STATES)
        return operations.select(self._keys, condition, wanted, self._read)

    def _change(
        self,
        verb: Verb,
        where: str,
        states: Iterable[Listed] | None,
        reason: str,
        rate: RateLimit | None,
        progress: Progress | None,
    ) -> Steps[int]:
        condition = parse(where)
        found = operations.possible(verb, condition, states)
        return operations.change(
            self._keys, verb, condition, found, self._read, reason=reason, rate=rate, progress=progress
        )

    def _clean(self, state: str, older_than: float | timedelta, keep: int, progress: Progress | None) -> Steps[int]:
        if state not in ("completed", "failed", "cancelled"):
            raise InvalidOption(f"clean() deletes completed, failed or cancelled jobs, not {state!r}")
        if isinstance(keep, bool) or not isinstance(keep, int) or keep < 0:
            raise InvalidOption(f"keep= of clean() must be a whole number from 0, not {keep!r}")
        age = seconds(older_than, "older_than= of clean()")
        return operations.clean(self._keys, JobState(state), age, keep, progress=progress)


def _gate(key: str | None, task: str | None) -> str | None:
    if key is not None and task is not None:
        raise InvalidOption("key= and task= exclude each other: limit them one by one")
    if key is not None:
        return rules.EACH_KEY if key == "*" else rules.gate_of_key(check_key(key))
    return None if task is None else rules.gate_of_task(check_name(task, "task"))


def _new_limits(key: str | None, task: str | None, options: LimitOptions) -> tuple[str, Mapping[str, str]]:
    """Return the gate that is meant, and the texts that are stored."""
    check_known(options, LimitOptions.__annotations__, "a limit")
    what: Literal["queue", "task", "key"] = "key" if key is not None else "task" if task is not None else "queue"
    gate = _gate(key, task) or rules.QUEUE
    values = dict(Limits(**options).check_for(what).to_wire())
    values |= {name: "-" for name in LIMIT_NAMES if name in options and name not in values}
    if not values:
        raise InvalidOption("name a limit that is to be changed: concurrency, rate, weight, max_size or on_full")
    return gate, values
