"""Looking into all queues of an application at once: figures, and what happens."""

from collections.abc import AsyncGenerator, Collection, Generator, Sequence
from contextlib import aclosing, closing
from datetime import timedelta

from jobqueue.durations import seconds
from jobqueue.errors import InvalidOption, suggestion
from jobqueue.names import check_name
from jobqueue.store.audit import Progress, checkup
from jobqueue.store.connections import Connections
from jobqueue.store.events import EventType, QueueEvent, gather_events
from jobqueue.store.findings import Checkup
from jobqueue.store.following import Trouble, afollow, follow
from jobqueue.store.inspect import queue_names
from jobqueue.store.keys import QueueKeys, queue_keys, registry
from jobqueue.store.snapshot import Snapshot, gather_snapshot
from jobqueue.store.stats import By, Stats, gather_stats


class Inspection:
    """What is to be seen of an application's queues, from anywhere: ``jobs.inspect``.

    Each method has a twin for asyncio, whose name begins with ``a``.
    """

    def __init__(self, connections: Connections, prefix: str) -> None:
        self._connections = connections
        self._prefix = prefix

    # -- figures and events ------------------------------------------------------------------------------------------

    def stats(
        self, queues: Sequence[str] | None = None, *, since: float | timedelta = 3600.0, by: By = "queue"
    ) -> list[Stats]:
        """Return how many executions ended how, and how long jobs waited and ran: what workers have measured.

        Args:
            queues: the names of the queues; all that there are if it is left out.
            since: seconds before now. Whole minutes are counted, and they are kept for a day.
            by: ``"queue"`` for the figures of each queue, ``"task"`` for those of each task in each queue.

        Raises:
            InvalidOption: ``since`` or ``by`` makes no sense.
            ServerError: Redis refuses, or is not available.
        """
        span = _span(since, by)
        keys = self._keys(self._names() if queues is None else queues)
        return self._connections.follow(gather_stats(keys, span, by))

    async def astats(
        self, queues: Sequence[str] | None = None, *, since: float | timedelta = 3600.0, by: By = "queue"
    ) -> list[Stats]:
        """See ``stats``."""
        span = _span(since, by)
        keys = self._keys(await self._anames() if queues is None else queues)
        return await self._connections.afollow(gather_stats(keys, span, by))

    def snapshot(self, queues: Sequence[str] | None = None, *, running: int = 20) -> Snapshot:
        """Return how queues stand at this moment: counts, workers, running jobs, and figures of the latest minutes.

        It is read in one round trip, with three commands for each queue, however many jobs there are.

        Args:
            queues: the names of the queues; all that there are if it is left out.
            running: how many of the running jobs: those that have run for longest.
        """
        keys = self._keys(self._names() if queues is None else queues)
        return self._connections.follow(gather_snapshot(keys, running))

    async def asnapshot(self, queues: Sequence[str] | None = None, *, running: int = 20) -> Snapshot:
        """See ``snapshot``."""
        keys = self._keys(await self._anames() if queues is None else queues)
        return await self._connections.afollow(gather_snapshot(keys, running))

    def events(
        self,
        queues: Sequence[str] | None = None,
        *,
        types: Collection[str] = (),
        limit: int = 1000,
        follow: bool = False,
        timeout: float | None = None,
        trouble: Trouble = lambda error: None,
    ) -> Generator[QueueEvent]:
        """Yield what has happened to jobs, or what happens from now on.

        A queue writes it down only while somebody follows it, or since ``Queue.keep_events``: the latest two thousand
        calls of scripts, of which each may be about a hundred jobs.

        Args:
            queues: the names of the queues; all if it is left out, and with ``follow`` also those to come.
            types: only these, such as ``"failed"``; see ``EventType``.
            limit: how many of those that are kept, the latest; without ``follow``.
            follow: whether to wait for what happens from now on. The server may go away meanwhile and come back.
            timeout: seconds after which following ends; None for never.
            trouble: is called while following, with the error when the server is away, with None when it is back.

        Raises:
            InvalidOption: there is no such type.
            ServerError: Redis refuses, or is not available at the beginning.
        """
        wanted = _types(types)
        if follow:
            return _of_types(self._follow(queues, timeout, trouble), wanted)
        keys = self._keys(self._names() if queues is None else queues)
        return (event for event in self._connections.follow(gather_events(keys, wanted, limit)))

    async def aevents(
        self,
        queues: Sequence[str] | None = None,
        *,
        types: Collection[str] = (),
        limit: int = 1000,
        follow: bool = False,
        timeout: float | None = None,
        trouble: Trouble = lambda error: None,
    ) -> AsyncGenerator[QueueEvent]:
        """See ``events``."""
        wanted = _types(types)
        if follow:
            client = self._connections.async_client()
            chosen = [keys.queue for keys in self._keys(queues or ())]
            async with aclosing(afollow(client, self._prefix, chosen, timeout, trouble)) as events:
                async for event in events:
                    if event.type in wanted:
                        yield event
            return
        keys = self._keys(await self._anames() if queues is None else queues)
        for event in await self._connections.afollow(gather_events(keys, wanted, limit)):
            yield event

    # -- examinations ------------------------------------------------------------------------------------------------

    def doctor(
        self,
        fix: bool = False,
        queue: str | None = None,
        *,
        progress: Progress = lambda queue, looked_at, total: None,
    ) -> Checkup:
        """Look whether jobs are safe in the server, and whether all that is stored of queues fits together.

        Workers and producers may go on meanwhile: what moves gives no false alarm. A queue with a million jobs takes
        about half a minute, in calls of about a millisecond.

        Args:
            fix: whether to repair what is wrong. A repair is made in the call that has found it, loses no job and
                doubles none; what cannot be repaired safely is only reported.
            queue: the only queue to look at; all of them if it is left out.
            progress: is called with the name of a queue, how many entries were looked at, and how many there are.

        Raises:
            InvalidName: the name of the queue has characters that are not allowed.
            ServerError: Redis refuses, or is not available.
        """
        prefix = self._prefix
        name = None if queue is None else check_name(queue, "queue")
        return self._connections.follow(checkup(prefix, registry(prefix), name, fix, progress))

    async def adoctor(
        self,
        fix: bool = False,
        queue: str | None = None,
        *,
        progress: Progress = lambda queue, looked_at, total: None,
    ) -> Checkup:
        """See ``doctor``."""
        prefix = self._prefix
        name = None if queue is None else check_name(queue, "queue")
        return await self._connections.afollow(checkup(prefix, registry(prefix), name, fix, progress))

    # -- parts -------------------------------------------------------------------------------------------------------

    def _follow(self, queues: Sequence[str] | None, timeout: float | None, trouble: Trouble) -> Generator[QueueEvent]:
        chosen = [keys.queue for keys in self._keys(queues or ())]
        return follow(self._connections.sync_client(), self._prefix, chosen, timeout, trouble)

    def _names(self) -> tuple[str, ...]:
        return self._connections.run(queue_names(registry(self._prefix)))

    async def _anames(self) -> tuple[str, ...]:
        return await self._connections.arun(queue_names(registry(self._prefix)))

    def _keys(self, names: Sequence[str]) -> list[QueueKeys]:
        return [queue_keys(self._prefix, check_name(name, "queue")) for name in names]


def _span(since: float | timedelta, by: str) -> float:
    if by not in ("queue", "task"):
        raise InvalidOption(f"stats(by=...) is 'queue' or 'task', not {by!r}")
    return seconds(since, "since")


def _types(types: Collection[str]) -> frozenset[EventType]:
    """Return the types that are meant.

    Raises:
        InvalidOption: there is none of that name.
    """
    known = [kind.value for kind in EventType]
    for name in types:
        if name not in known:
            hint = suggestion(name, known) or f" (there are {', '.join(known)})"
            raise InvalidOption(f"there is no event {name!r}{hint}")
    return frozenset(map(EventType, types or known))


def _of_types(events: Generator[QueueEvent], wanted: frozenset[EventType]) -> Generator[QueueEvent]:
    with closing(events):
        for event in events:
            if event.type in wanted:
                yield event
