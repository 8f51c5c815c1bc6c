"""What the tests of schedules share: travelled time, and schedulers that are led by the hand."""

import logging
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import pytest
from audit import problems, read_keyspace
from desk import Desk
from servers import KINDS

from jobqueue import JobQueue
from jobqueue.outcome import Completed
from jobqueue.store.claims import Claimed, Settlement, enlist, register
from jobqueue.store.client import AsyncClient
from jobqueue.store.keys import QueueKeys, registry
from jobqueue.store.server import MemoryServer, Server
from jobqueue.worker.log import WorkerLog
from jobqueue.worker.scheduler import Scheduler

# 08:00 on a Saturday.
START = datetime(2026, 11, 21, 8, tzinfo=UTC)


@pytest.fixture(params=[*KINDS, "memory"])
def server(request, real_servers: Callable[[str], Server]) -> Server:
    """Return a server of each kind in turn, the fake too, empty."""
    return MemoryServer() if request.param == "memory" else real_servers(request.param)


class Schedulers:
    """Makes schedulers as workers have them, each with a worker's id and a client of its own."""

    def __init__(self, travel) -> None:
        self.travel = travel
        self.clients: list[AsyncClient] = []

    async def of(self, jobs: JobQueue, worker: str = "w1", *queues: str) -> Scheduler:
        """Return the scheduler of a worker that is registered."""
        client = AsyncClient(jobs.connections.server, now=self.travel)
        self.clients.append(client)
        found: list[QueueKeys] = [jobs.keys(name) for name in queues or ("default",)]
        for keys in found:
            await client.run(enlist(registry(keys.prefix), keys.queue))
            await client.run(register(keys, worker, 3600.0, {"host": "here"}))
        declared = {keys: jobs.scheduled(keys) for keys in found}
        log = WorkerLog(logging.getLogger("jobqueue.worker"))
        return Scheduler(declared, worker=lambda: worker, client=client, log=log)


class Runner(Desk):
    """A worker that runs jobs one by one."""

    def __init__(self, jobs: JobQueue) -> None:
        super().__init__(jobs.connections.sync_client(), jobs.keys("default"), "runner")
        self.client.run(register(self.keys, self.worker, 3600.0, {"host": "here"}))  # for as long as tests travel

    def complete(self, job: Claimed) -> None:
        """End a job."""
        assert self.settle(Settlement(job.id, job.token, Completed(b"null"))).applied == (True,)


@pytest.fixture
def counter() -> Callable[[JobQueue], Runner]:
    """Return what makes a worker that runs jobs one by one."""
    return Runner


@pytest.fixture
async def schedulers(travel, jobs: JobQueue) -> AsyncIterator[Schedulers]:
    """Return what makes schedulers."""
    travel.now = round(START.timestamp() * 1000)
    made = Schedulers(travel)
    yield made
    for client in made.clients:
        await client.close()
    client = jobs.connections.sync_client()
    for name in jobs.queues():
        assert problems(read_keyspace(client.redis, jobs.keys(name))) == []
    await jobs.aclose()
