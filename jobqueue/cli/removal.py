"""Removes a queue that a command has made for itself, with everything that is known of it."""

from jobqueue.app import JobQueue
from jobqueue.store.call import Call, run_command
from jobqueue.store.keys import KEYS, QueueKeys, registry


def remove_queue(jobs: JobQueue, queue: str) -> None:
    """Delete a queue that nobody else uses. No worker may be serving it any more.

    Raises:
        ServerError: Redis refuses, or is not available. Some of it may be left.
    """
    keys = jobs.keys(queue)
    workers = [worker for known in jobs.connections.run_many(_known(keys)) for worker in known]
    names = [*(keys[name] for name in KEYS), *map(keys.inbox, workers)]
    jobs.connections.run(run_command("UNLINK", *names, read=int, repeatable=True))
    jobs.connections.run(run_command("SREM", registry(keys.prefix), queue, read=int, repeatable=True))


def _known(keys: QueueKeys) -> list[Call[list[str]]]:
    """Return what reads the ids of the workers that a queue has and had."""
    return [
        run_command("ZRANGE", keys[name], 0, -1, read=lambda reply: [text.decode() for text in reply], repeatable=True)
        for name in ("workers", "tombstones")
    ]
