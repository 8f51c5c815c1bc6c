"""How many jobs a process runs at once, and whose turn it is when several queues want the next slot."""

from collections import deque


class Slots:
    """A number of slots, shared by queues that take turns.

    Args:
        total: how many jobs may run at once.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self.free = total
        # The queues that are known to have work, the one that was served longest ago first.
        self._turns: deque[str] = deque()

    def want(self, queue: str) -> None:
        """Say that a queue has work."""
        if queue not in self._turns:
            self._turns.append(queue)

    def sated(self, queue: str) -> None:
        """Say that a queue has no work for now."""
        if queue in self._turns:
            self._turns.remove(queue)

    @property
    def next_in_turn(self) -> str | None:
        """The queue that has waited longest, if any has work."""
        return self._turns[0] if self._turns else None

    def reserve(self, queue: str, most: int) -> int:
        """Take as many free slots as are this queue's share; none if all are needed for those before it.

        A queue that has work gets an equal share of the free slots, and the odd ones go to those who have waited
        longest. A queue that is not known to have work may take what nobody else wants.

        Args:
            queue: the queue.
            most: how many it can use.
        """
        if queue not in self._turns:
            share = min(most, self.free) if not self._turns else 0
        else:
            place = self._turns.index(queue)
            share = min(most, max(0, -(-(self.free - place) // len(self._turns))))
            if share:
                self._turns.remove(queue)
                self._turns.append(queue)
        self.free -= share
        return share

    def take(self) -> bool:
        """Take a slot for what is here already, whoever's turn it is; whether one is free."""
        if not self.free:
            return False
        self.free -= 1
        return True

    def release(self, count: int) -> None:
        """Give slots back."""
        self.free += count
