"""Looking into all queues of an application at once: figures, and what happens."""

from collections.abc import AsyncGenerator, Collection, Generator, Sequence
from contextlib import aclosing, closing
from datetime import timedelta

from jobqueue.durations import seconds
from jobqueue.errors import InvalidOption, suggestion
from jobqueue.health import Health, judge
from jobqueue.names import check_name
from jobqueue.store.connections import Connections
from jobqueue.store.events import EventType, QueueEvent, gather_events
from jobqueue.store.following import Trouble, afollow, follow
from jobqueue.store.inspect import overview, queue_names
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

    # -- health ------------------------------------------------------------------------------------------------------

    def health(
        self,
        queues: Sequence[str] | None = None,
        *,
        min_workers: int = 1,
        max_wait: float | timedelta | None = None,
        host: str | None = None,
    ) -> Health:
        """Find out whether queues are served.

        Args:
            queues: the names of the queues; if it is left out, all that there are, and then one that nobody serves is a
                problem only if jobs wait in it.
            min_workers: how many workers each queue must have.
            max_wait: seconds (or a ``timedelta``) that the job may have waited that runs next; None for any time.
            host: the name of a host on which a worker must be alive; None for anywhere.
        """
        most = None if max_wait is None else seconds(max_wait, "max_wait")
        keys = self._keys(self._names() if queues is None else queues)
        infos = self._connections.run_many([overview(each) for each in keys])
        return judge(infos, named=queues is not None, min_workers=min_workers, max_wait=most, host=host)

    async def ahealth(
        self,
        queues: Sequence[str] | None = None,
        *,
        min_workers: int = 1,
        max_wait: float | timedelta | None = None,
        host: str | None = None,
    ) -> Health:
        """See ``health``."""
        most = None if max_wait is None else seconds(max_wait, "max_wait")
        keys = self._keys(await self._anames() if queues is None else queues)
        infos = await self._connections.arun_many([overview(each) for each in keys])
        return judge(infos, named=queues is not None, min_workers=min_workers, max_wait=most, host=host)

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
