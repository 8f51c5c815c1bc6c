"""Counts what happens here, and reports it now and then, so that no job costs the server a command more."""

import asyncio
import contextlib
from collections.abc import Sequence

from jobqueue.errors import ServerError
from jobqueue.histogram import SMALLEST, bucket_of
from jobqueue.job import OutcomeKind
from jobqueue.names import new_id
from jobqueue.store.call import Call
from jobqueue.store.client import AsyncClient
from jobqueue.store.keys import QueueKeys
from jobqueue.store.stats import Tally, measure
from jobqueue.worker.log import WorkerLog
from jobqueue.worker.loop import Loop

EVERY = 2.0
"""Seconds between two reports."""

TOGETHER = 50
"""How many tasks one report names."""

LAST_WORDS = 1.0
"""Seconds for the last report."""


class Measurer(Loop):
    """Reports how executions ended, and how long jobs waited and ran.

    A report has a number. One whose reply was lost is sent again under the same, and is not counted twice. A process
    that is killed takes with it what it has not reported.
    """

    name = "measurer"

    def __init__(self, queues: Sequence[QueueKeys], client: AsyncClient, log: WorkerLog) -> None:
        super().__init__(log)
        self._queues = {keys.queue: keys for keys in queues}
        self._client = client
        self._source = new_id()
        self._number = 0
        self._tallies: dict[str, dict[str, Tally]] = {keys.queue: {} for keys in queues}
        self._unconfirmed: dict[str, Call[bool]] = {}

    def ended(self, queue: str, task: str, kind: OutcomeKind, ran: float, waited: float | None) -> None:
        """Count an execution whose outcome was written.

        Args:
            queue: the queue.
            task: the name of the task.
            kind: how it ended.
            ran: the seconds that it took.
            waited: the seconds that its job had waited before; None if it was not its first, or that is not known.
        """
        tallies = self._tallies[queue]
        tally = tallies.get(task)
        if tally is None:
            tally = tallies[task] = Tally()
        tally.outcomes[kind] += 1
        tally.ran[bucket_of(ran) if ran > SMALLEST else 0] += 1
        if waited is not None:
            tally.waited[bucket_of(waited)] += 1

    async def tick(self) -> float:
        """Report what was counted since the last time."""
        for queue, keys in self._queues.items():
            await self._apart(keys, self._report(queue), None)
        return EVERY

    async def stop(self) -> None:
        """End, with a last report."""
        await super().stop()
        with contextlib.suppress(ServerError, TimeoutError):
            async with asyncio.timeout(LAST_WORDS):
                await self.tick()

    async def _report(self, queue: str) -> None:
        """Report what was counted of a queue, if anything was."""
        while call := self._unconfirmed.get(queue) or self._take(queue):
            self._unconfirmed[queue] = call
            await self._client.run(call)
            del self._unconfirmed[queue]

    def _take(self, queue: str) -> Call[bool] | None:
        """Make a report of some of what was counted, if there is any."""
        tallies = self._tallies[queue]
        if not tallies:
            return None
        some = {task: tallies.pop(task) for task in list(tallies)[:TOGETHER]}
        self._number += 1
        return measure(self._queues[queue], self._source, self._number, some)
