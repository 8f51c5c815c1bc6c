"""Code that wraps every execution of a job."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from jobqueue.context import JobContext

CallNext = Callable[[], Awaitable[Any]]
"""What a middleware wraps: the next one, or the job itself."""

Middleware = Callable[[JobContext, CallNext], Awaitable[Any]]
"""An ``async`` function of the job and of what it wraps; it awaits that, and returns what the job returned::

    @jobs.middleware
    async def timed(job: JobContext, call_next: CallNext) -> object:
        start = time.monotonic()
        try:
            return await call_next()
        finally:
            print(job.task, time.monotonic() - start)
"""


def compose(middleware: Sequence[Middleware], job: JobContext, innermost: CallNext) -> CallNext:
    """Return the execution of a job wrapped in all middleware, the first outermost."""
    wrapped = innermost
    for layer in reversed(middleware):
        wrapped = _wrap(layer, job, wrapped)
    return wrapped


def _wrap(layer: Middleware, job: JobContext, inner: CallNext) -> CallNext:
    async def call() -> Any:
        return await layer(job, inner)

    return call
