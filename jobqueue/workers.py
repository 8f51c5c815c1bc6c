"""The workers of an application, from outside: who they are, and what they are told to do."""

from collections.abc import Generator, Iterable
from typing import Any, Literal

from jobqueue.errors import WorkerNotFound, suggestion
from jobqueue.store.call import Call
from jobqueue.store.claims import order
from jobqueue.store.connections import Connections
from jobqueue.store.inspect import QueueInfo, WorkerInfo, overview, queue_names
from jobqueue.store.keys import queue_keys, registry

Verb = Literal["quiet", "stop", "restart"]

Steps = Generator[list[Call[Any]] | float, list[Any], Any]


class Workers:
    """What ``jobs.workers`` is. A worker is one process; a supervisor may have several.

    Each method has a twin for asyncio, whose name begins with ``a``.
    """

    def __init__(self, connections: Connections, prefix: str) -> None:
        self._connections = connections
        self._prefix = prefix

    def list(self) -> tuple[WorkerInfo, ...]:
        """Return the workers that are alive, in the order of their ids."""
        found: tuple[WorkerInfo, ...] = self._connections.follow(self._list())
        return found

    async def alist(self) -> tuple[WorkerInfo, ...]:
        """See ``list``."""
        found: tuple[WorkerInfo, ...] = await self._connections.afollow(self._list())
        return found

    def quiet(self, worker: str) -> WorkerInfo:
        """Let a worker take no more jobs. It goes on with those that it has, and lives.

        Args:
            worker: its id, or the beginning of it.

        Raises:
            WorkerNotFound: there is none, or more than one; so in all methods below.
            ServerError: Redis refuses or is not available; so in all methods.
        """
        info: WorkerInfo = self._connections.follow(self._order(worker, "quiet"))
        return info

    async def aquiet(self, worker: str) -> WorkerInfo:
        """See ``quiet``."""
        info: WorkerInfo = await self._connections.afollow(self._order(worker, "quiet"))
        return info

    def stop(self, worker: str) -> WorkerInfo:
        """Let a worker stop as if by a signal: its jobs may end, and those that do not in time are handed back.

        No other process takes its place; a supervisor whose last process has stopped ends too.
        """
        info: WorkerInfo = self._connections.follow(self._order(worker, "stop"))
        return info

    async def astop(self, worker: str) -> WorkerInfo:
        """See ``stop``."""
        info: WorkerInfo = await self._connections.afollow(self._order(worker, "stop"))
        return info

    def restart(self, worker: str) -> WorkerInfo:
        """Let a worker stop, and its supervisor start another process in its place.

        A worker without a supervisor stops: whoever started it is to start it again.
        """
        info: WorkerInfo = self._connections.follow(self._order(worker, "restart"))
        return info

    async def arestart(self, worker: str) -> WorkerInfo:
        """See ``restart``."""
        info: WorkerInfo = await self._connections.afollow(self._order(worker, "restart"))
        return info

    # What is done, once, for ordinary code and for asyncio.

    def _list(self) -> Steps:
        [names] = yield [queue_names(registry(self._prefix))]
        queues: list[QueueInfo] = yield [overview(queue_keys(self._prefix, name)) for name in names]
        # A process that works on several queues is registered in each.
        found = {worker.id: worker for queue in queues for worker in queue.workers}
        return tuple(found[name] for name in sorted(found))

    def _order(self, worker: str, verb: Verb) -> Steps:
        info = found_among((yield from self._list()), worker)
        replies = yield [order(queue_keys(self._prefix, queue), info.id, verb) for queue in info.queues]
        if not any(replies):
            raise WorkerNotFound(f"worker {info.id} has gone a moment ago")
        return info


def found_among(workers: Iterable[WorkerInfo], name: str) -> WorkerInfo:
    """Return the worker whose id is, or begins with, a text.

    Raises:
        WorkerNotFound: there is none, or more than one.
    """
    ids = {worker.id: worker for worker in workers}
    if name in ids:
        return ids[name]
    found = [worker for worker_id, worker in ids.items() if name and worker_id.startswith(name)]
    if not found:
        raise WorkerNotFound(f"there is no live worker {name!r}{suggestion(name, ids)}")
    if len(found) > 1:
        raise WorkerNotFound(f"{name!r} begins the ids of {len(found)} workers: {found[0].id}, {found[1].id} ...")
    return found[0]
