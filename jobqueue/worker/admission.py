"""Lets claimed jobs begin: each when there is a slot for it, those of a batch task together."""

import asyncio
import functools
from collections.abc import Callable, Sequence
from typing import Any

from jobqueue.batch import Batch
from jobqueue.outcome import Interrupted
from jobqueue.task import Task
from jobqueue.worker.decide import Raised, Stop, decide
from jobqueue.worker.running import Running
from jobqueue.worker.slots import Slots
from jobqueue.worker.together import Member

MOST_ON_CREDIT = 64
"""How many jobs are claimed at once, at most, for which there is no slot if they do not belong to a batch."""

HELD_AT_MOST = 1.0
"""Seconds that a job waits here for a slot, before it is handed back for others."""

# Jobs with a timeout of their own gather apart: a call has one.
_Key = tuple[str, float | None]


class _Seat:
    """A slot, and how many jobs share it."""

    __slots__ = ("holders",)

    def __init__(self) -> None:
        self.holders = 0


class _Gathering:
    """Jobs that wait for company."""

    __slots__ = ("batch", "key", "members", "seat", "task", "timer")

    def __init__(self, key: _Key, task: Task[..., Any], batch: Batch) -> None:
        self.key = key
        self.task = task
        self.batch = batch
        self.members: dict[Running, Any] = {}
        self.seat = _Seat()
        self.timer: asyncio.TimerHandle | None = None

    @property
    def room(self) -> int:
        return self.batch.size - len(self.members)


class Admission:
    """The way from a claimed job of a queue to a slot.

    A batch has one slot, from its first job on. While it gathers and no other slot is free, jobs are claimed on credit:
    those of its task need no slot. If there is one of another task among them, the batch starts as it is, and that job
    takes the next slot, or goes back to the head of the line.

    Args:
        queue: the name of the queue.
        slots: the slots of the process.
        begun: is told of each job that begins.
        run_batch: runs a batch.
    """

    def __init__(
        self,
        queue: str,
        slots: Slots,
        *,
        begun: Callable[[Running], None],
        run_batch: Callable[[Task[..., Any], Sequence[Member]], None],
    ) -> None:
        self._queue = queue
        self._slots = slots
        self._begun = begun
        self.announces = True
        """Whether anybody wants to know of each job that begins."""
        self._run_batch = run_batch
        self._in_hand = 0
        self._credit = 0
        # Jobs that have a slot each, and those of batches, which share one.
        self._alone: set[Running] = set()
        self._seats: dict[Running, _Seat] = {}
        self._gathering: dict[_Key, _Gathering] = {}
        # Jobs without a slot, each with what begins it.
        self._held: dict[Running, Callable[[], None]] = {}

    # -- how many may be claimed -------------------------------------------------------------------------------------

    @property
    def can_claim(self) -> bool:
        """Whether there is a place for another job."""
        return self._slots.free > 0 or self._on_credit > 0

    @property
    def _on_credit(self) -> int:
        if self._held or not self._gathering:
            return 0
        # Whichever batch they belong to, it has room for all of them.
        return min(self._credit, *(gathering.room for gathering in self._gathering.values()))

    def reserve(self, most: int) -> int:
        """Return how many jobs may be claimed now; ``release`` ends it."""
        self._in_hand = self._slots.reserve(self._queue, most)
        if self._in_hand:
            self._credit = max(1, self._credit)
            return self._in_hand
        return self._on_credit

    def release(self, asked: int, got: int) -> None:
        """Give back what was reserved and is not needed.

        Args:
            asked: what ``reserve`` has returned.
            got: how many jobs there were.
        """
        if not self._in_hand and asked and got == asked:
            # All of them had a place. The more often that is so, the more are claimed at once.
            self._credit = min(2 * self._credit, MOST_ON_CREDIT)
        self._slots.release(self._in_hand)
        self._in_hand = 0

    # -- jobs --------------------------------------------------------------------------------------------------------

    @property
    def holds(self) -> bool:
        """Whether jobs wait for a slot."""
        return bool(self._held)

    def enter(self, running: Running) -> bool:
        """Give a job a slot, if there is one; whether there was."""
        if self._in_hand:
            self._in_hand -= 1
        elif not self._slots.take():
            return False
        self._alone.add(running)
        if self.announces:
            self._begun(running)
        return True

    def wait(self, running: Running, launch: Callable[[], None]) -> None:
        """Let a job begin when there is a slot."""

        def begin() -> None:
            self._alone.add(running)
            self._begun(running)
            launch()

        self._with_a_slot(running, begin)

    def member(self, running: Running, task: Task[..., Any], item: Any) -> None:
        """Let a job of a batch task wait for company."""
        gathering = self._gathering.get((task.name, running.terms.timeout))
        if gathering is not None:
            self._join(gathering, running, item)
        else:
            self._with_a_slot(running, functools.partial(self._open, running, task, item))

    def ended(self, running: Running) -> None:
        """Give back the slot of a job that is over, if no other shares it."""
        if running in self._alone:
            self._alone.remove(running)
            self._slots.release(1)
        elif (seat := self._seats.pop(running, None)) is not None:
            seat.holders -= 1
            if not seat.holders:
                self._slots.release(1)

    def begin_held(self) -> None:
        """Let those begin that wait for a slot, as long as there are any."""
        while self._held and self._take():
            running = next(iter(self._held))
            begin = self._held.pop(running)
            running.hold(None)
            begin()

    def hand_back(self) -> None:
        """Hand back everything that has not begun, because the worker stops."""
        waiting = [*self._held, *(running for each in self._gathering.values() for running in each.members)]
        for running in waiting:
            running.stop(Stop.SHUTDOWN)

    def _take(self) -> bool:
        if not self._in_hand:
            return self._slots.take()
        self._in_hand -= 1
        return True

    def _sit(self, running: Running, seat: _Seat) -> None:
        seat.holders += 1
        self._seats[running] = seat

    def _with_a_slot(self, running: Running, begin: Callable[[], None]) -> None:
        if self._take():
            begin()
            return
        self._held[running] = begin
        running.hold(self._withdraw_held)
        asyncio.get_running_loop().call_later(HELD_AT_MOST, self._give_back, running)
        # Nothing is claimed any more before this one has begun, so there is nobody to wait for.
        self._credit = 0
        for gathering in list(self._gathering.values()):
            self._start(gathering)

    def _withdraw_held(self, running: Running, why: Stop) -> None:
        del self._held[running]
        _end_before_it_began(running)

    def _give_back(self, running: Running) -> None:
        if self._held.pop(running, None) is not None:
            running.end(Interrupted("its worker had no slot for it"))

    # -- batches -----------------------------------------------------------------------------------------------------

    def _open(self, running: Running, task: Task[..., Any], item: Any) -> None:
        key = (task.name, running.terms.timeout)
        gathering = self._gathering.get(key)
        if gathering is not None:
            # Both have waited for a slot, and the other was first.
            self._slots.release(1)
        else:
            batch = task.settings.batch
            assert batch is not None
            gathering = self._gathering[key] = _Gathering(key, task, batch)
            gathering.timer = asyncio.get_running_loop().call_later(batch.wait, self._start, gathering)
        self._join(gathering, running, item)

    def _join(self, gathering: _Gathering, running: Running, item: Any) -> None:
        gathering.members[running] = item
        self._sit(running, gathering.seat)
        running.hold(functools.partial(self._leave, gathering))
        if not gathering.room:
            self._start(gathering)

    def _leave(self, gathering: _Gathering, running: Running, why: Stop) -> None:
        del gathering.members[running]
        if not gathering.members:
            self._close(gathering)
        _end_before_it_began(running)

    def _start(self, gathering: _Gathering) -> None:
        self._close(gathering)
        for running in gathering.members:
            self._begun(running)
        self._run_batch(gathering.task, [Member(running, item) for running, item in gathering.members.items()])

    def _close(self, gathering: _Gathering) -> None:
        if gathering.timer is not None:
            gathering.timer.cancel()
        if self._gathering.get(gathering.key) is gathering:
            del self._gathering[gathering.key]


def _end_before_it_began(running: Running) -> None:
    running.end(decide(Raised(asyncio.CancelledError()), running.terms, running.stopped))
