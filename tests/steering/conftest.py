"""What the tests of steering share: an application, and a worker that is led by the hand in time that is travelled."""

from collections.abc import Callable, Iterator

import pytest
from audit import problems, read_keyspace
from desk import Desk
from pydantic_core import from_json
from servers import KINDS

from jobqueue import JobQueue
from jobqueue.outcome import Completed, Outcome
from jobqueue.store.claims import Claimed, Settlement, enlist
from jobqueue.store.keys import QueueKeys, registry
from jobqueue.store.relay import delivered, receive, relay
from jobqueue.store.server import Server
from jobqueue.store.upkeep import promote


class Counter:
    """A worker at a counter: it takes jobs, says what they are called, and ends them, one step at a time."""

    def __init__(self, jobs: JobQueue, queue: str, worker: str = "w1") -> None:
        self.jobs = jobs
        self.keys: QueueKeys = jobs.keys(queue)
        self.client = jobs.connections.sync_client()
        self.client.run(enlist(registry(jobs.settings.prefix), queue))
        self.desk = Desk(self.client, self.keys, worker)
        self.held: dict[str, Claimed] = {}

    def take(self, n: int = 1) -> list[str]:
        """Take up to ``n`` jobs; return their labels in the order in which they were given out."""
        return self._enter(self.desk.claim(n).jobs)

    def end(self, label: str, outcome: Outcome | None = None, n: int = 0) -> list[str]:
        """End a job, and take up to ``n`` in the same round trip."""
        job = self.held.pop(label)
        answer = self.desk.settle(Settlement(job.id, job.token, outcome or Completed(b'"%b"' % label.encode())), n=n)
        assert answer.applied == (True,)
        return self._enter(answer.jobs)

    def end_all(self) -> None:
        """End all jobs that it holds."""
        for label in list(self.held):
            self.end(label)

    def drain(self, most: int = 1000) -> list[str]:
        """Take one job after the other and end it, until there is none; return their labels."""
        found: list[str] = []
        idle = 0
        while len(found) < most and ((taken := self.take()) or self.bell):
            found += taken
            self.end_all()
            idle = 0 if taken else idle + 1
            assert idle < 20, "the bell rings, but there is nothing to take: has the lease run out?"
        return found

    def upkeep(self) -> None:
        """Do what workers do beside their jobs: what is due, and what is to be told to other queues."""
        self.client.run(promote(self.keys))
        while (reply := self.client.run(relay(self.keys))).more or reply.messages:
            for message in reply.messages:
                self.client.run(receive(self.jobs.keys(message.queue), [message]))
                self.client.run(delivered(self.keys, [message]))

    @property
    def bell(self) -> bool:
        """Whether an idle worker would be woken."""
        return bool(self.client.redis.llen(self.keys["wait"]))

    def _enter(self, claimed: tuple[Claimed, ...]) -> list[str]:
        labels = [from_json(job.specification)["args"]["label"] for job in claimed]
        self.held.update(zip(labels, claimed, strict=True))
        return labels


@pytest.fixture
def counter(jobs: JobQueue, travel) -> Callable[..., Counter]:
    """Return what opens a counter of a queue; the time stands still from then on."""
    travel.freeze()
    return lambda queue="default", worker="w1": Counter(jobs, queue, worker)


@pytest.fixture
def note(jobs: JobQueue):
    """Return a task whose jobs have a label."""

    @jobs.task
    def note(label: str) -> str:
        return label

    return note


@pytest.fixture(params=KINDS)
def server(request: pytest.FixtureRequest, real_servers: Callable[[str], Server]) -> Server:
    """Return a real server of each kind in turn, empty. The fake, which is slow, has the modules that say so."""
    return real_servers(request.param)


@pytest.fixture
def jobs(jobs: JobQueue) -> Iterator[JobQueue]:
    """Return an application on a server of each kind, whose queues are audited in the end."""
    yield jobs
    for queue in {"default", *jobs.queues()}:
        assert problems(read_keyspace(jobs.connections.sync_client().redis, jobs.keys(queue))) == []
