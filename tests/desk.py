"""A worker as the scripts see it."""

from jobqueue.store.claims import Answer, Settlement, claim, register, settle
from jobqueue.store.client import SyncClient
from jobqueue.store.keys import QueueKeys

START = 1_763_700_000_000
LEASE = 30.0


class Desk:
    """A worker as the scripts see it: an id, and numbered requests."""

    def __init__(self, client: SyncClient, keys: QueueKeys, worker: str) -> None:
        self.client = client
        self.keys = keys
        self.worker = worker
        self.request = 0
        assert client.run(register(keys, worker, LEASE, {"host": "here"}))

    def claim(self, n: int = 10) -> Answer:
        self.request += 1
        return self.again(n)

    def again(self, n: int = 10) -> Answer:
        """Send the last request once more."""
        return self.client.run(claim(self.keys, self.worker, self.request, n))

    def settle(self, *settlements: Settlement, n: int = 0, max_lost: int = 3) -> Answer:
        self.request += 1
        return self.settle_again(*settlements, n=n, max_lost=max_lost)

    def settle_again(self, *settlements: Settlement, n: int = 0, max_lost: int = 3) -> Answer:
        return self.client.run(settle(self.keys, self.worker, self.request, n, settlements, max_lost))
