"""Calls the functions that an application wants to be called: at start and stop, and when jobs start and end."""

import asyncio
import inspect
from collections.abc import Awaitable, Iterable

from jobqueue.app import JobQueue
from jobqueue.context import JobContext
from jobqueue.events import STARTED, Hooks, JobEnded, JobEvent, JobHook, JobStarted
from jobqueue.outcome import Outcome
from jobqueue.worker.log import WorkerLog


async def start_up(jobs: JobQueue) -> None:
    """Call the startup hooks, in order. One that fails keeps the process from starting."""
    for hook in jobs.hooks.startup:
        result = hook()
        if inspect.isawaitable(result):
            await result


async def shut_down(jobs: JobQueue, log: WorkerLog) -> None:
    """Call the shutdown hooks, in reverse order. One that fails is logged."""
    for hook in reversed(jobs.hooks.shutdown):
        try:
            result = hook()
            if inspect.isawaitable(result):
                await result
        except Exception as error:  # the others are called all the same
            log.hook_failed(hook, error)


class Notifier:
    """Tells the hooks of an application what becomes of its jobs. What they raise changes nothing."""

    def __init__(self, hooks: Hooks, log: WorkerLog) -> None:
        self._hooks = hooks
        self._log = log
        self._tasks: set[asyncio.Task[None]] = set()

    def started(self, job: JobContext) -> None:
        """A job has begun."""
        if hooks := self._hooks.job.get(STARTED):
            self._tell(hooks, JobStarted(job))

    def ended(self, job: JobContext, outcome: Outcome, seconds: float) -> None:
        """An execution is over and written down."""
        if hooks := self._hooks.job.get(outcome.kind):
            self._tell(hooks, JobEnded(job, outcome, seconds))

    async def close(self) -> None:
        """Wait for hooks that are still being called."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _tell(self, hooks: Iterable[JobHook], event: JobEvent) -> None:
        for hook in hooks:
            try:
                result = hook(event)
            except BaseException as error:  # a hook must not break a job, nor what takes the next one
                self._log.hook_failed(hook, error)
                continue
            if inspect.isawaitable(result):
                task = asyncio.ensure_future(self._finish(hook, result))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _finish(self, hook: JobHook, result: Awaitable[None]) -> None:
        try:
            await result
        except Exception as error:  # a hook must not break a job
            self._log.hook_failed(hook, error)
