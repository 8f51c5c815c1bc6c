"""Writes each execution into a ledger, from inside the worker."""

import os
from typing import Any

from chaos.ledger import Ledger, digest

from jobqueue import CallNext, JobContext
from jobqueue.middleware import Middleware


def witness(ledger: Ledger) -> Middleware:
    """Return the middleware that writes into a ledger when a job begins, and when, how and with what that ends."""

    async def write_down(job: JobContext, call_next: CallNext) -> Any:
        words = (job.queue, job.id, job.token, os.getpid())
        ledger.write("start", *words)
        how: tuple[str, ...] = ("cancelled",)
        try:
            result = await call_next()
            how = ("returned", digest(result))
            return result
        except Exception:  # a job may raise anything; it is passed on
            how = ("raised",)
            raise
        finally:
            ledger.write("end", *words, *how)

    return write_down
