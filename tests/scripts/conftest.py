"""What the tests of the scripts share: a queue with jobs, and workers that claim them."""

import socket
from collections.abc import Callable, Iterator

import pytest
import redis
from desk import Desk
from servers import KINDS, RunningServer
from waiting import wait_until

from jobqueue.store.jobs import CHUNK, NewJob, add
from jobqueue.store.server import MemoryServer, Server, server_at


@pytest.fixture(scope="session")
def cluster(a_server) -> Iterator[RunningServer]:
    """Return a cluster of one node: it refuses keys of different slots in one call."""
    with a_server("valkey", "--cluster-enabled", "yes", "--port", str(_free_port())) as server:
        with redis.Redis.from_url(server.url) as connection:
            connection.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
            wait_until(lambda: connection.cluster("INFO")["cluster_state"] == "ok", "it is ready")
        yield server


@pytest.fixture(params=[*KINDS, "cluster", "memory"])
def server(request: pytest.FixtureRequest, real_servers: Callable[[str], Server]) -> Server:
    """Return a server of each kind in turn, empty."""
    match request.param:
        case "memory":
            return MemoryServer()
        case "cluster":
            url = request.getfixturevalue("cluster").url
            with redis.Redis.from_url(url) as connection:
                connection.flushall()
                connection.script_flush()
            return server_at(url)
    return real_servers(request.param)


def _free_port() -> int:
    # The nodes of a cluster talk on the port that is 10,000 higher.
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port < 55_000:
            return port


@pytest.fixture
def enqueue(client, keys):
    """Return what adds jobs with the ids that it is given."""

    def run(*ids: str, due: float | None = None) -> None:
        jobs = [NewJob(job_id, b'{"task":"greet","args":{}}', due) for job_id in ids]
        client.run_many([add(keys, jobs[start : start + CHUNK]) for start in range(0, len(jobs), CHUNK)])

    return run


@pytest.fixture
def desk(client, keys):
    """Return what registers a worker."""
    return lambda worker="w1": Desk(client, keys, worker)
