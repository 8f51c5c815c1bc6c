"""The application: it includes the task sets, and wraps and watches all their jobs."""

import time
from contextvars import ContextVar

from jobqueue import CallNext, JobContext, JobEnded, JobEvent, JobQueue
from jobqueue.outcome import Failed
from shop import mail, orders

jobs = JobQueue(prefix="examples")
jobs.include(orders.tasks)
jobs.include(mail.tasks)

trace_id: ContextVar[str] = ContextVar("trace_id", default="-")


# The first middleware is the outermost. Each is an async function of the job and of what it wraps. Tasks that run in a
# thread are wrapped too, and see its context variables.
@jobs.middleware
async def traced(job: JobContext, call_next: CallNext) -> object:
    """Take up the trace that began where the job was enqueued."""
    trace_id.set(str(job.meta.get("trace", "-")))
    return await call_next()


@jobs.middleware
async def timed(job: JobContext, call_next: CallNext) -> object:
    start = time.monotonic()
    try:
        return await call_next()
    finally:
        slow = " slowly" if time.monotonic() - start > 5 else ""
        print(f"[{trace_id.get()}] {job.task} has ended{slow}")


# Hooks are told what has happened, after it was written to the server. They cannot change it.
@jobs.on("failed")
async def alarm(event: JobEvent) -> None:
    if isinstance(event, JobEnded) and isinstance(event.outcome, Failed):
        print(f"alarm: {event.job.task} has failed for good: {event.outcome.error.message}")


@jobs.on_startup
def open_connections() -> None:
    print("the worker starts: open what its jobs share")


@jobs.on_shutdown
def close_connections() -> None:
    print("the worker has stopped: close it")
