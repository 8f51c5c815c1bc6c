"""Takes jobs from one queue and settles them."""

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from jobqueue.context import JobContext
from jobqueue.errors import ServerError, ServerFull
from jobqueue.outcome import Completed, Interrupted, Outcome, Parked
from jobqueue.seal import Seal
from jobqueue.store.call import Call
from jobqueue.store.claims import Answer, Claimed, Settlement, claim, holdings, settle, tell
from jobqueue.store.client import AsyncClient
from jobqueue.store.keys import QueueKeys
from jobqueue.worker.admission import Admission
from jobqueue.worker.decide import Stop
from jobqueue.worker.log import WorkerLog
from jobqueue.worker.loop import end
from jobqueue.worker.membership import Membership
from jobqueue.worker.runner import Runner, Source
from jobqueue.worker.running import Running
from jobqueue.worker.slots import Slots
from jobqueue.worker.waiter import Waiter

BATCH = 100
"""How many outcomes one script settles at most, and how many jobs it claims."""

MANY_SLOTS = 16
"""From how many slots on not all of them are filled in one exchange."""

SPEAK_AFTER = 0.1
"""Seconds for which what jobs say of their progress is gathered."""

# The constructor that NamedTuple writes is a function in Python, and calls this one.
_new = tuple.__new__


class Consumer:
    """The traffic between a queue and the jobs of it that run here.

    There is at most one request under way. What gathers meanwhile travels with the next, so batches grow with the load
    and a lone outcome never waits for company.
    """

    def __init__(
        self,
        keys: QueueKeys,
        *,
        membership: Membership,
        slots: Slots,
        runner: Runner,
        client: AsyncClient,
        waiter: Waiter,
        max_lost: int,
        seal: Seal | None,
        log: WorkerLog,
        begun: Callable[[Running], None],
        announces: Callable[[], bool],
        settled: Callable[[Sequence[tuple[Running, Outcome]]], None],
        changed: Callable[[], None],
        others_turn: Callable[[], None],
        broken: Callable[[BaseException], None],
    ) -> None:
        """Make a consumer.

        Args:
            keys: the queue.
            membership: under which id jobs are claimed.
            slots: how many jobs may run at once; shared with the other queues of the process.
            runner: runs the jobs.
            client: executes the calls; it tries until the server answers.
            waiter: waits for a job while there is nothing to do.
            max_lost: how often a job may be lost before it has failed.
            seal: seals results; None for plain text.
            log: is told what happens.
            begun: is told of each execution that has been started.
            announces: says whether that is worth the while just now.
            settled: is told of executions whose outcomes were written.
            changed: is told when slots are free or the queue has become idle.
            others_turn: is told when a slot is free that another queue is to have first.
            broken: is told when it cannot go on.
        """
        self.keys = keys
        self.running: dict[str, Running] = {}
        self.taken = 0
        """How many jobs it has taken in all."""
        self._membership = membership
        self._slots = slots
        self._runner = runner
        self._client = client
        self._waiter = waiter
        self._max_lost = max_lost
        self._seal = seal
        self._log = log
        self._announces = announces
        self._admission = Admission(keys.queue, slots, begun=begun, run_batch=runner.run_batch)
        self._source = Source(keys.queue, self._spoke, self._ended, self._admission)
        self._settled = settled
        self._changed = changed
        self._others_turn = others_turn
        self._broken = broken
        # Of many slots half at once: while the server has one half in its hands, the other half runs.
        self._at_once = min(BATCH, slots.total // 2 if slots.total >= MANY_SLOTS else slots.total)
        self._request = 0
        # Under which id, and to which request, there was an answer. The thread of the heartbeats reads it.
        self._answered = ("", 0)
        self._differs = False
        self._outcomes: list[tuple[Running | None, Settlement]] = []
        self._speaking: deque[JobContext] = deque()
        self._speech_due = False
        self._open = False
        self._suspended = False
        self._landed = False
        self._has_work = False
        # Jobs that were cancelled after the server gave them out and before its answer was here.
        self._cancelled_early: set[str] = set()
        self._exchanging = False
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._ending: set[asyncio.Task[None]] = set()

    def start(self, waiting: bool) -> None:
        """Begin to take jobs.

        Args:
            waiting: whether to wait for more when there are none.
        """
        self._open = True
        self._loop = asyncio.get_running_loop()
        self.poke()
        self._tasks = [asyncio.create_task(self._pump(), name=f"jobqueue-pump-{self.keys.queue}")]
        if waiting:
            self._tasks.append(asyncio.create_task(self._wait_for_work(), name=f"jobqueue-wait-{self.keys.queue}"))
        for task in self._tasks:
            task.add_done_callback(self._check_end)

    def poke(self) -> None:
        """Look for work: there may be some."""
        if self._open:
            self._has_work = True
            self._slots.want(self.keys.queue)
        self._wake.set()

    def landed(self) -> None:
        """Take what the server has put into the inbox."""
        self._landed = True
        self.poke()

    def slots_freed(self) -> None:
        """Go on, because another queue has given slots back."""
        if self._has_work or self._admission.holds:
            self._wake.set()
        elif self._admission.can_claim:
            self._idle.set()

    def cancel(self, job_id: str) -> None:
        """Tell a job to stop, if it runs here or may be on its way."""
        if running := self.running.get(job_id):
            running.stop(Stop.CANCELLED)
        elif self._exchanging:
            self._cancelled_early.add(job_id)

    def answered(self, worker: str) -> int:
        """Return the last request that was answered under an id of the worker; 0 for none. Any thread may ask."""
        last, request = self._answered
        return request if last == worker else 0

    def server_forgot(self) -> None:
        """Compare what is held here with what the server knows: it has lost its latest writes."""
        self._differs = True
        self._wake.set()

    async def suspend(self) -> None:
        """Take no jobs until ``resume``: under an id whose lease is gone, none must be taken."""
        self._suspended = True
        await self._waiter.interrupt()

    def resume(self) -> None:
        """Go on after the lease was found to be good, or there is a new one."""
        if self._suspended:
            self._suspended = False
            # The server may have handed out a job before.
            self._landed = True
            self.poke()
            self._idle.set()

    def _check_end(self, task: "asyncio.Task[None]") -> None:
        """Say that the queue is served no more, if that was not wanted: in silence, jobs would stay active for ever."""
        if task in self._ending:
            return
        error = RuntimeError(f"somebody has cancelled {task.get_name()}") if task.cancelled() else task.exception()
        if error is not None:
            self._broken(error)

    async def shut(self) -> None:
        """Take no more jobs. What the server may have handed out meanwhile goes back."""
        self._open = False
        self._has_work = False
        self._slots.sated(self.keys.queue)
        self._admission.hand_back()
        await self._waiter.stop()
        for task in self._tasks[1:]:
            self._ending.add(task)
            await end(task)
        self._landed = bool(self._tasks)
        self._wake.set()

    async def stop(self) -> None:
        """End. Outcomes that have not been written are dropped."""
        self._ending.update(self._tasks)
        await end(*self._tasks)
        await self._waiter.close()

    @property
    def quiet(self) -> bool:
        """Whether nothing runs, nothing is to be written, and nothing is known to be waiting."""
        return not (self.running or self._has_duties or self._has_work or self._suspended)

    @property
    def written(self) -> bool:
        """Whether everything that has ended has been written."""
        return not self._has_duties

    @property
    def _has_duties(self) -> bool:
        return bool(self._outcomes or self._speech_due or self._landed or self._differs)

    # -- the traffic -------------------------------------------------------------------------------------------------

    async def _pump(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            self._admission.begin_held()
            while self._has_duties or (self._has_work and self._admission.can_claim and not self._suspended):
                if self._differs:
                    await self._compare()
                # Outcomes ask for more in any case: it costs nothing, and what a job has enqueued is taken at once.
                n = self._reserve()
                if not n and not self._has_duties:
                    self._others_turn()
                    break
                self._exchanging = True
                try:
                    await self._exchange(n)
                finally:
                    self._exchanging = False
                    self._cancelled_early.clear()

    def _reserve(self) -> int:
        """Return how many jobs to ask for; ``release`` ends it."""
        if not self._open or self._suspended:
            return 0
        # What lies in the inbox and is not claimed goes back into the line.
        return self._admission.reserve(BATCH if self._landed else self._at_once)

    async def _exchange(self, n: int) -> None:
        """Send what is to be sent, ask for ``n`` jobs, and start what comes back."""
        self._landed = False
        batch = self._outcomes[:BATCH]
        del self._outcomes[:BATCH]
        calls = list(self._speech())
        try:
            worker, answer = await self._insist(calls, [settlement for _, settlement in batch], n)
        except asyncio.CancelledError:
            self._outcomes[:0] = batch
            raise
        ended: list[tuple[Running, Outcome]] = []
        for (running, settlement), applied in zip(batch, answer.applied, strict=True):
            if running is None:
                continue  # it was parked
            if applied:
                ended.append((running, settlement.outcome))
            else:
                self._log.superseded(running.context, settlement.outcome)
        if ended:
            self._settled(ended)
        if answer.forgotten:
            self._differs = True
        else:
            # Also without a lease: what was settled is settled, unless the server loses it.
            self._answered = (worker, self._request)
        if answer.vanished:
            self._log.vanished(self.keys.queue, answer.vanished)
        # What was said of an id that has been given up meanwhile says nothing of the new one.
        if not answer.lease and worker == self._membership.id:
            self._suspended = True
            self._membership.suspect()
        self._admission.announces = self._announces()
        for claimed in answer.jobs:
            self._begin(claimed, answer.now)
        self._admission.release(n, len(answer.jobs))
        self._admission.begin_held()
        if n and len(answer.jobs) < n:
            self._has_work = False
            self._slots.sated(self.keys.queue)
            self._idle.set()
        self._changed()

    async def _insist(self, speech: list[Call[bool]], settlements: list[Settlement], n: int) -> tuple[str, Answer]:
        """Exchange outcomes for jobs, with the same request again and again until there is an answer.

        Returns:
            The id under which it was asked, and the answer.
        """
        self._request += 1
        while True:
            worker = self._membership.id
            call = (
                settle(self.keys, worker, self._request, n, settlements, self._max_lost, self.answered(worker))
                if settlements
                else claim(self.keys, worker, self._request, n, self.answered(worker))
            )
            try:
                if speech:
                    calls: list[Call[Any]] = [*speech, call]
                    answer: Answer = (await self._client.run_many(calls))[-1]
                    return worker, answer
                return worker, await self._client.run(call)
            except ServerError as error:
                self._log.server_trouble(error)
            # It is not the server that is away, which the client waits out: it is this queue. The others go on.
            self._admission.release(n, 0)
            self._slots.sated(self.keys.queue)
            self._changed()
            await asyncio.sleep(random.uniform(0.5, 1.5))
            if self._has_work:
                self._slots.want(self.keys.queue)

    async def _compare(self) -> None:
        """Give back what only the server takes this worker to hold, and stop what the server does not know of.

        Nothing is claimed meanwhile, so what is held changes only by ending; then it is among the outcomes.
        """
        worker, cursor = self._membership.id, ""
        known: set[tuple[str, int]] = set()
        while cursor != "0":
            try:
                page = await self._client.run(holdings(self.keys, worker, cursor or "0"))
            except ServerError as error:
                self._log.server_trouble(error)
                await asyncio.sleep(random.uniform(0.5, 1.5))
                continue
            known |= page.jobs
            cursor = page.cursor
        self._differs = False
        if worker != self._membership.id:
            return  # what the old id held is given back as a whole
        # From now on what the server knows counts.
        self._answered = ("", 0)
        running = {(each.claimed.id, each.claimed.token): each for each in self.running.values()}
        held = running.keys() | {(settlement.id, settlement.token) for _, settlement in self._outcomes}
        for name in running.keys() - known:
            running[name].stop(Stop.LEASE_LOST)
        returned = [Settlement(*name, Interrupted("the server had lost what became of it")) for name in known - held]
        self._outcomes += [(None, settlement) for settlement in returned]
        self._has_work = self._open
        self._log.server_forgot(self.keys.queue, len(returned), len(running.keys() - known))

    def _speech(self) -> Iterable[Call[bool]]:
        self._speech_due = False
        while self._speaking:
            job = self._speaking.popleft()
            progress, first, lines = job.take()
            if progress or lines:
                yield tell(self.keys, job.id, job.token, progress, first, lines)

    # -- jobs --------------------------------------------------------------------------------------------------------

    def _begin(self, claimed: Claimed, now: int) -> None:
        self.taken += 1
        started = self._runner.start(claimed, now, self._source)
        if isinstance(started, Parked):
            self._outcomes.append((None, Settlement(claimed.id, claimed.token, started)))
            self._log.parked(self.keys.queue, claimed.id, started)
            self._wake.set()
        else:
            self.running[claimed.id] = started
            if claimed.id in self._cancelled_early:
                started.stop(Stop.CANCELLED)
            if not self._open:
                self._admission.hand_back()

    def _ended(self, running: Running, outcome: Outcome) -> None:
        job_id, token = running.claimed.id, running.claimed.token
        if self.running.get(job_id) is running:
            del self.running[job_id]
        self._admission.ended(running)
        if self._seal is not None and isinstance(outcome, Completed):
            # Here, and not where it ran: that may be in a process of its own, which would do it too.
            result = self._seal.result(self.keys.place, job_id, outcome.result)
            outcome = replace(outcome, result=result)
        outcomes = self._outcomes
        if running.stopped is None or running.stopped is not Stop.LEASE_LOST:
            outcomes.append((running, _new(Settlement, (job_id, token, outcome))))
        if len(outcomes) <= 1:  # with more, it is awake already
            self._wake.set()

    def _spoke(self, job: JobContext) -> None:
        # Called from any thread. A closed loop means that the worker has gone, and with it whoever would listen.
        self._speaking.append(job)
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._loop.call_later, SPEAK_AFTER, self._speak)

    def _speak(self) -> None:
        self._speech_due = bool(self._speaking)
        self._wake.set()

    # -- waiting -----------------------------------------------------------------------------------------------------

    async def _wait_for_work(self) -> None:
        while self._open:
            if self._has_work or self._suspended or not self._admission.can_claim:
                self._idle.clear()
                await self._idle.wait()
                continue
            try:
                if await self._waiter.wait(self._membership.id):
                    self._landed = True
                    self.poke()
            except ServerFull:
                # The server refuses BLMOVE when it is full, but not the script: ask it now and then.
                await asyncio.sleep(random.uniform(0.2, 0.5))
                self.poke()
            except ServerError as error:
                self._log.server_trouble(error)
                await asyncio.sleep(random.uniform(0.1, 1.0))
                # The reply may have been lost on the way, and the job be in the inbox.
                self._landed = True
                self.poke()
