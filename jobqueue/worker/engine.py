"""Everything that one process does for its queues, put together: from its first heartbeat to its last outcome."""

import asyncio
import math
import os
import socket
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from jobqueue.app import JobQueue
from jobqueue.errors import JobTimeout, ServerError
from jobqueue.events import STARTED
from jobqueue.job import OutcomeKind
from jobqueue.outcome import Outcome
from jobqueue.store.claims import Settlement, settle
from jobqueue.store.client import AsyncClient, SyncClient
from jobqueue.store.health import examine_server
from jobqueue.store.keys import QueueKeys
from jobqueue.store.rules import declare
from jobqueue.store.server import REPLY_TIMEOUT
from jobqueue.store.upkeep import promote
from jobqueue.version import __version__
from jobqueue.worker.consumer import Consumer
from jobqueue.worker.decide import Raised, Stop, decide
from jobqueue.worker.executors.process import ProcessExecutor
from jobqueue.worker.life import Notifier, shut_down, start_up
from jobqueue.worker.listener import Listener
from jobqueue.worker.log import WorkerLog
from jobqueue.worker.loop import Loop, end
from jobqueue.worker.measurer import Measurer
from jobqueue.worker.membership import Membership
from jobqueue.worker.promoter import Promoter
from jobqueue.worker.pruner import Pruner
from jobqueue.worker.reading import UNREADABLE, reader
from jobqueue.worker.reaper import Reaper
from jobqueue.worker.relayer import Relayer
from jobqueue.worker.runner import Runner
from jobqueue.worker.running import Running
from jobqueue.worker.scheduler import Scheduler
from jobqueue.worker.slots import Slots
from jobqueue.worker.unparker import Unparker
from jobqueue.worker.waiter import Waiter
from jobqueue.worker.watchdog import Watchdog

LAST_WORDS = 2.0
"""Seconds that jobs which were stopped have to end, and their outcomes to be written."""

OVERDUE = 5.0
"""Seconds beyond its timeout after which a job on a blocked event loop is settled from outside."""


class Supervision(Protocol):
    """What a process can ask of those who watch over it."""

    def announce(self, worker: str) -> None:
        """Say under which id it works from now on. Its jobs are taken back if it dies."""
        ...

    def replace(self, reason: str) -> None:
        """Ask for another process. This one ends as it does when it is told to stop."""
        ...

    def abort(self, reason: str) -> None:
        """End at once, without another word. May be called from any thread."""
        ...

    def crash(self) -> None:
        """End at once, as if killed: the jobs are lost."""
        ...

    def dismiss(self) -> None:
        """End as it does when it is told to stop, and say that no other is wanted in its place."""
        ...


class Engine:
    """The parts of a worker process.

    Args:
        jobs: the application.
        queues: the names of the queues.
        concurrency: how many jobs run at once.
        processes: runs jobs in processes of their own; None if the application cannot be found by another process.
        log: is told what happens.
        supervision: whoever replaces this process when it cannot go on; None if nobody does.
        failed: is told, if nobody does, what has gone wrong.
        told_to_stop: is called, if nobody does, when an operator tells the worker to stop.
        examines: whether to say what is to be known of the server; of several processes one does.
    """

    def __init__(
        self,
        jobs: JobQueue,
        queues: Sequence[str],
        concurrency: int,
        *,
        processes: ProcessExecutor | None,
        log: WorkerLog,
        supervision: Supervision | None,
        failed: Callable[[BaseException], None],
        told_to_stop: Callable[[], None],
        examines: bool,
    ) -> None:
        settings, server, now = jobs.settings, jobs.connections.server, jobs.connections.now
        self._jobs = jobs
        self._log = log
        self._supervision = supervision
        self._failed = failed
        self._told_to_stop = told_to_stop
        self._examines = examines
        self._queues = [jobs.keys(name) for name in queues]
        self._concurrency = concurrency
        self._started_up = False
        self._troubled_at = time.monotonic()
        self._changes = asyncio.Event()
        self._rejoining: asyncio.Task[None] | None = None
        self._quieting: asyncio.Task[None] | None = None

        self._client = AsyncClient(server, patience=math.inf, now=now, trouble=self._trouble)
        # A heartbeat that meets a silent connection must have time for another before the lease is over.
        beat_timeout = min(REPLY_TIMEOUT, settings.lease / 4)
        self._beat_client = SyncClient(server, patience=settings.lease / 3, now=now, timeout=beat_timeout)
        self._notifier = Notifier(jobs.hooks, log)
        self._slots = Slots(concurrency)
        self._runner = Runner(jobs, log=log, on_stuck=self._stuck, processes=processes)
        versions = {name: task.settings.version for task in jobs for name in task.names}
        self._membership = Membership(
            self._queues,
            lease=settings.lease,
            info={
                "host": socket.gethostname(),
                "pid": os.getpid(),
                "version": __version__,
                "queues": list(queues),
                "concurrency": concurrency,
                "started": round(time.time() * 1000),
                "tasks": [name for task in jobs for name in task.names],
                "versions": {name: version for name, version in versions.items() if version > 1},
                "lease": settings.lease,
            },
            client=self._client,
            beat_client=self._beat_client,
            announce=supervision.announce if supervision else lambda worker: None,
            held=self._lease_held,
            lost=self._lease_lost,
            forgotten=lambda keys: self._consumers[keys.queue].server_forgot(),
            answered=lambda keys, worker: self._consumers[keys.queue].answered(worker),
            cancelling=self._cancel,
            ordered=self._ordered,
            trouble=self._trouble,
            failed=lambda keys, error: log.queue_failed("membership", keys.queue, error),
        )
        self._pruner = Pruner(self._queues, settings.retention, self._client, log)
        self._promoter = Promoter(self._queues, self._client, log, heard=self._hears)
        self._measurer = Measurer(self._queues, self._client, log)
        known = [*((name, task.fingerprint) for task in jobs for name in task.names), (UNREADABLE, reader(jobs))]
        self._relayer = Relayer(self._queues, jobs.keys, self._client, log, heard=self._hears)
        self._scheduler = Scheduler(
            {keys: jobs.scheduled(keys) for keys in self._queues},
            worker=lambda: self._membership.id,
            client=self._client,
            log=log,
            seal=jobs.connections.seal,
        )
        self._unparker = Unparker(
            self._queues,
            known,
            # The "version" of what cannot be read for its length is that length.
            {**versions, UNREADABLE: settings.read_limit},
            worker=lambda: self._membership.id,
            free=lambda: self._slots.free,
            landed=lambda keys: self._consumers[keys.queue].landed(),
            client=self._client,
            log=log,
        )
        self._listener = Listener(
            {keys["control"]: keys for keys in self._queues},
            server,
            cancel=self._cancel,
            promote=self._promoter.wake,
            relay=self._relayer.wake,
            schedule=self._scheduler.wake,
            order=self._membership.suspect,
            missed=self._messages_missed,
            log=log,
        )
        self._loops: list[Loop] = [
            self._pruner,
            self._promoter,
            self._measurer,
            self._unparker,
            self._relayer,
            self._scheduler,
            Reaper(
                self._queues,
                lease=settings.lease,
                max_lost=settings.max_lost,
                calm_for=lambda: time.monotonic() - self._troubled_at,
                client=self._client,
                log=log,
            ),
            self._listener,
        ]
        self._consumers = {
            keys.queue: Consumer(
                keys,
                membership=self._membership,
                slots=self._slots,
                runner=self._runner,
                client=self._client,
                waiter=Waiter(keys, self._client),
                max_lost=settings.max_lost,
                seal=jobs.connections.seal,
                log=log,
                begun=self._begun,
                announces=self._announces,
                settled=self._settled,
                changed=self._changed,
                others_turn=self._others_turn,
                broken=self._broke,
            )
            for keys in self._queues
        }
        self._watchdog = Watchdog(log, self._blocked)

    # -- life --------------------------------------------------------------------------------------------------------

    async def start(self, waiting: bool, started: Callable[[], None]) -> None:
        """Begin to take jobs.

        Args:
            waiting: whether to wait for more when there are none.
            started: is called when it is about to take the first: that may end the process.
        """
        for task in self._jobs:
            task.signature.prepare()
        server = self._jobs.connections.server
        if server.tells_password:
            self._log.tells_password(server.where)
        await start_up(self._jobs)
        self._started_up = True
        await self._examine_server()
        await self._membership.join()
        await self._declare_limits()
        for loop in self._loops:
            loop.start()
        self._watchdog.start()
        for consumer in self._consumers.values():
            consumer.start(waiting)
        where = server.where
        self._log.started(self._membership.id, list(self._consumers), self._concurrency, where, len(self._jobs))
        started()

    async def _examine_server(self) -> None:
        """Say what is to be known of a server before jobs are trusted to it."""
        server = self._jobs.connections.server
        if not (self._examines and server.lasts):
            return
        try:
            found = await self._client.follow(examine_server())
        except ServerError:
            return  # it does not say, or not to us
        self._log.examined(server.where, found)

    async def _declare_limits(self) -> None:
        for keys in self._queues:
            if declared := self._jobs.declarations.of_worker(keys.queue):
                await self._client.run(declare(keys, declared))

    async def drained(self) -> None:
        """Return when no job is waiting or running here, and none was enqueued, due or parked meanwhile."""
        consumers = self._consumers.values()
        taken = -1
        while True:
            await self._until(lambda: all(consumer.quiet for consumer in consumers))
            if taken == (taken := sum(consumer.taken for consumer in consumers)):
                return
            await self._client.run_many([promote(keys) for keys in self._queues])
            await self._unparker.tick()
            while not await self._relayer.tick():
                pass
            for consumer in consumers:
                consumer.poke()

    async def stop(self, timeout: float, hurry: asyncio.Event) -> int:
        """Stop taking jobs, let the running ones end, and hand back those that do not.

        Args:
            timeout: seconds that they have.
            hurry: cuts this time short.

        Returns:
            How many jobs still run in threads, which cannot be stopped. If there is a process to be replaced, the
            worker is left registered, so that they are handed back when it has ended and not before.
        """
        self._log.stopping(self._running_count(), timeout)
        if self._rejoining is not None:
            await end(self._rejoining)
        if self._quieting is not None:
            await self._quieting
        await self._take_no_more()
        if not await self._until(self._all_done, timeout, hurry):
            self._log.hurrying(self._running_count())
            for running in self._running():
                running.stop(Stop.SHUTDOWN)
            await self._until(self._all_done, LAST_WORDS)
        for loop in self._loops:
            await loop.stop()
        for consumer in self._consumers.values():
            await consumer.stop()
        left = self._running_count()
        if left:
            self._log.left_running(left)
        try:
            if left and self._supervision is not None:
                await self._membership.end_heartbeats()
            else:
                await asyncio.wait_for(self._membership.leave(), LAST_WORDS)
        except (ServerError, TimeoutError):
            pass  # the lease runs out by itself, and others take back what is left
        await self._watchdog.stop()
        await self._runner.close()
        await self._notifier.close()
        if self._started_up:
            await shut_down(self._jobs, self._log)
        await self._client.close()
        self._beat_client.close()
        self._log.stopped()
        return left

    def _all_done(self) -> bool:
        return all(not consumer.running and consumer.written for consumer in self._consumers.values())

    def _running(self) -> list[Running]:
        return [running for consumer in self._consumers.values() for running in list(consumer.running.values())]

    def _running_count(self) -> int:
        return sum(len(consumer.running) for consumer in self._consumers.values())

    async def _until(
        self, condition: Callable[[], bool], timeout: float | None = None, hurry: asyncio.Event | None = None
    ) -> bool:
        """Wait until something holds; whether it does."""

        async def hold() -> None:
            while not condition():
                self._changes.clear()
                await self._changes.wait()

        waits: list[asyncio.Task[Any]] = [asyncio.create_task(hold())]
        if hurry is not None:
            waits.append(asyncio.create_task(hurry.wait()))
        await asyncio.wait(waits, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
        return condition()

    # -- what the parts say ------------------------------------------------------------------------------------------

    def _begun(self, running: Running) -> None:
        self._log.job_started(running.context)
        self._notifier.started(running.context)

    def _announces(self) -> bool:
        return self._log.is_detailed or STARTED in self._jobs.hooks.job

    def _settled(self, ended: Sequence[tuple[Running, Outcome]]) -> None:
        detailed, completed, hooks = self._log.is_detailed, OutcomeKind.COMPLETED, self._jobs.hooks.job
        for running, outcome in ended:
            context, kind, seconds = running.context, outcome.kind, running.ran
            if detailed or kind is not completed:  # most jobs end so
                self._log.job_ended(context, outcome, seconds)
            if hooks:
                self._notifier.ended(context, outcome, seconds)
            self._measurer.ended(context.queue, context.task, kind, seconds, running.waited)
        self._pruner.count(len(ended))

    def _changed(self) -> None:
        self._changes.set()
        for consumer in self._consumers.values():
            consumer.slots_freed()

    def _others_turn(self) -> None:
        # Only the one whose turn it is: if all were woken, those before it would go round and round without end. If it
        # is busy with an exchange, all are told when that is over.
        if (queue := self._slots.next_in_turn) is not None:
            self._consumers[queue].slots_freed()

    def _cancel(self, keys: QueueKeys, job_id: str) -> None:
        self._consumers[keys.queue].cancel(job_id)

    def _hears(self) -> bool:
        return self._listener.listening

    def _messages_missed(self) -> None:
        self._membership.suspect()
        self._promoter.wake()
        self._relayer.wake()
        self._scheduler.wake()

    def _trouble(self, error: ServerError | None) -> None:
        self._troubled_at = time.monotonic()
        self._log.server_trouble(error)

    def _lease_held(self) -> None:
        if self._rejoining is None or self._rejoining.done():
            self._resume()
            if self._membership.outside:
                self._rejoining = asyncio.create_task(self._enter())

    def _resume(self) -> None:
        for consumer in self._consumers.values():
            if consumer.keys not in self._membership.outside:
                consumer.resume()

    async def _enter(self) -> None:
        """Try again to serve the queues in which something was wrong when the worker had lost its lease."""
        try:
            await self._membership.enter()
        except ServerError as error:
            self._log.server_trouble(error)
        self._resume()

    def _lease_lost(self) -> None:
        if self._rejoining is None or self._rejoining.done():
            self._rejoining = asyncio.create_task(self._rejoin())

    async def _rejoin(self) -> None:
        running = self._running()
        for run in running:
            run.stop(Stop.LEASE_LOST)
        # A wait under the old id would take what is now given back, and nobody would look into that inbox.
        await asyncio.gather(*(consumer.suspend() for consumer in self._consumers.values()))
        try:
            old = await self._membership.rejoin()
            await self._declare_limits()  # the server may have been emptied
            self._log.lease_lost(old, self._membership.id, len(running))
        except ServerError as error:
            self._log.server_trouble(error)  # the next heartbeat finds no lease, and this is tried again
        else:
            self._resume()

    def _ordered(self, verb: str) -> None:
        """Do what an operator has told the worker to do."""
        self._log.ordered(verb)
        if verb == "quiet" and self._quieting is None:
            self._quieting = asyncio.create_task(self._take_no_more())
        elif verb == "restart" and self._supervision is not None:
            self._supervision.replace("it was told to restart")
        elif verb == "stop" and self._supervision is not None:
            self._supervision.dismiss()
        elif verb in ("stop", "restart"):
            self._told_to_stop()

    async def _take_no_more(self) -> None:
        self._unparker.rest()
        for consumer in self._consumers.values():
            await consumer.shut()

    def _broke(self, error: BaseException) -> None:
        """End a process whose machinery has failed, so that its jobs are counted as lost and run elsewhere."""
        self._log.broken(error)
        if self._supervision is not None:
            self._supervision.crash()
        else:
            self._failed(error)

    def _stuck(self, count: int) -> None:
        if self._supervision is not None and count >= max(1, self._concurrency // 2):
            self._supervision.replace(f"{count} threads hang in jobs that have timed out")

    def _blocked(self) -> None:
        """Settle jobs that a blocked event loop cannot time out. Called in the watchdog's thread."""
        overdue = [running for running in self._running() if running.overdue > OVERDUE and not running.ended]
        if not overdue or self._supervision is None:
            return
        for keys in self._queues:
            mine = [running for running in overdue if running.context.queue == keys.queue]
            settlements = [
                Settlement(
                    running.claimed.id,
                    running.claimed.token,
                    decide(Raised(JobTimeout()), running.terms, Stop.TIMEOUT),
                )
                for running in mine
            ]
            # The process ends after this, so no later request can be mistaken for it.
            try:
                self._beat_client.run(
                    settle(keys, self._membership.id, -1, 0, settlements, self._jobs.settings.max_lost)
                )
            except ServerError as error:
                # The process must end all the same: its heartbeat would keep the jobs for ever. They count as lost.
                self._log.server_trouble(error)
        self._supervision.abort("its event loop is blocked by a job that has overrun its timeout")
