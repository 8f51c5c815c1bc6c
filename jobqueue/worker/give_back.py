"""Takes back the jobs of a worker process that has ended, so that others can run them at once."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from jobqueue.outcome import Interrupted, Lost
from jobqueue.store.claims import reap
from jobqueue.store.client import SyncClient
from jobqueue.store.keys import queue_keys
from jobqueue.store.server import MemoryServer, server_at

PATIENCE = 5.0
"""Seconds for which it is tried. After that, the lease of the process runs out."""


def give_back(
    facts: Mapping[str, Any], ids: Iterable[str], cause: str, orderly: bool
) -> Iterator[tuple[str, int, int]]:
    """Take back what a process holds.

    Args:
        facts: what the process has said of the application that it serves.
        ids: the ids under which it has worked.
        cause: what became of it.
        orderly: whether that is not held against its jobs.

    Yields:
        The name of a queue, how many jobs wait there again, and how many were lost too often and have failed.

    Raises:
        ServerError: the server refuses, or was not available for too long.
    """
    server = server_at(facts["url"])
    if isinstance(server, MemoryServer):
        return  # it has died with the process
    outcome = Interrupted("its worker was stopped") if orderly else Lost(f"its worker process {cause}")
    client = SyncClient(server, patience=PATIENCE)
    try:
        for queue in facts["queues"]:
            keys = queue_keys(facts["prefix"], queue)
            returned = failed = 0
            for worker in ids:
                cursor = ""
                while cursor != "0":
                    call = reap(keys, worker, outcome, force=True, cursor=cursor or "0", max_lost=facts["max_lost"])
                    reply = client.run(call)
                    returned, failed, cursor = returned + reply.returned, failed + reply.failed, reply.cursor
            yield queue, returned, failed
    finally:
        client.close()
