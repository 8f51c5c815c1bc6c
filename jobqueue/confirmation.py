"""Waiting, with the round trips that enqueue jobs, until the jobs are as safe as was asked for."""

from collections.abc import Generator, Mapping, Sequence
from typing import Any, TypeVar

from jobqueue.delivery import Step
from jobqueue.durability import Durability
from jobqueue.errors import JobQueueError, NotDurable, QueueFull, ServerRefused
from jobqueue.settings import Settings
from jobqueue.store import durable
from jobqueue.store.call import Call
from jobqueue.store.connections import Connections
from jobqueue.store.keys import QueueKeys

T = TypeVar("T")

Wanted = Mapping[Durability, Sequence[tuple[QueueKeys, str]]]
"""The jobs that are to be safer than the memory of one server makes them, by how safe: queues and ids."""


class Confirmation:
    """Adds to each round trip that writes jobs what waits for them, on the same connection.

    It has to be the same round trip: of what another connection has written before a failover, a confirmation of the
    new primary says nothing.

    Args:
        settings: those of the application.
        connections: to its server.
    """

    def __init__(self, settings: Settings, connections: Connections) -> None:
        self._settings = settings
        self._connections = connections
        self._tried: set[Durability] = set()

    def wants(self, durability: Durability | None) -> bool:
        """Tell whether there is something to wait for."""
        return (durability or self._settings.durability) != "memory" and self._connections.server.lasts

    def of(self, jobs: Sequence[tuple[QueueKeys, str, Durability | None]]) -> Wanted:
        """Return for which jobs something is to be waited for: of queues, ids and durabilities."""
        wanted: dict[Durability, list[tuple[QueueKeys, str]]] = {}
        default = self._settings.durability
        for keys, job_id, durability in jobs:
            if (asked := durability or default) != "memory":
                wanted.setdefault(asked, []).append((keys, job_id))
        return wanted if wanted and self._connections.server.lasts else {}

    def confirmed(self, steps: Generator[Step, list[Any], T], wanted: Wanted) -> Generator[Step, list[Any], T]:
        """Do what a delivery wants done, and wait with it.

        Args:
            steps: the delivery. If it returns a mapping, that is of jobs to those that stand for them.
            wanted: the jobs that are waited for.

        Raises:
            ServerRefused: the server cannot do what is wanted. Nothing was enqueued.
            NotDurable: the jobs are enqueued, but it was not confirmed in time how safe they are.
            QueueFull: as the delivery; it names those that are enqueued, and not confirmed.
        """
        if not wanted:
            return (yield from steps)
        yield from self._try_out(wanted)
        late: dict[Durability, str] = {}
        try:
            step = next(steps)
            while True:
                writes = not isinstance(step, float) and any(call.script for call in step)
                # What is late once is not waited for again: the timeout is one for all of them.
                waited = {durability: jobs for durability, jobs in wanted.items() if durability not in late}
                waits = self._waits(waited) if writes and waited else []
                try:
                    replies = yield step if isinstance(step, float) else [*step, *waits]
                except JobQueueError as error:
                    step = steps.throw(error)
                    continue
                if waits:
                    late |= self._late(waited, replies[-len(waits) + 1 :])
                    replies = replies[: -len(waits)]
                step = steps.send(replies)
        except StopIteration as end:
            result: T = end.value
        except QueueFull as error:
            self._tried -= late.keys()
            if not late:
                error.unconfirmed = ()
            raise
        if late:
            self._tried -= late.keys()
            raise _not_durable(wanted, late, result if isinstance(result, Mapping) else {})
        return result

    def _waits(self, wanted: Wanted) -> list[Call[Any]]:
        timeout = self._settings.durability_timeout
        asked = [question for each in wanted for question in durable.questions(each)]
        # What confirms comes last: then all is sent again together, if need be.
        [(keys, _), *_] = next(iter(wanted.values()))
        return [durable.mark(keys), *asked, *(durable.confirm(each, timeout) for each in wanted)]

    def _late(self, wanted: Wanted, replies: Sequence[Any]) -> dict[Durability, str]:
        """Return why it is not known of some durabilities that the jobs have them, given the replies of the server."""
        late: dict[Durability, str] = dict(zip(wanted, replies[-len(wanted) :], strict=True))
        if not late.get("fsync", "-"):
            how, info, *_ = replies
            late["fsync"] = durable.why_premature(info, how)
        return {durability: why for durability, why in late.items() if why}

    def _try_out(self, wanted: Wanted) -> Generator[Step, list[Any], None]:
        """Refuse what the server cannot do before anything is written; asked once, and again when it has failed."""
        where = self._connections.server.where
        for durability in wanted.keys() - self._tried:
            if why := (yield from durable.why_impossible(durability)):
                raise ServerRefused(
                    f"Redis at {where} cannot give durability={durability!r}: {why}. Nothing was written"
                )
            self._tried.add(durability)


def _not_durable(wanted: Wanted, late: Mapping[Durability, str], stand_for: Mapping[str, str]) -> NotDurable:
    jobs = ((keys.queue, stand_for.get(job_id, job_id)) for durability in late for keys, job_id in wanted[durability])
    return NotDurable(" and ".join(late), tuple(dict.fromkeys(jobs)), "; ".join(late.values()))
