"""What the tests of the scripts share: a queue with jobs, and workers that claim them."""

import pytest
from desk import Desk

from jobqueue.store.jobs import CHUNK, NewJob, add


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
