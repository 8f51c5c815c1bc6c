"""Writes each execution into a ledger, from inside the worker."""

import os
from typing import Any

from chaos.ledger import Ledger

from jobqueue import CallNext, JobContext
from jobqueue.middleware import Middleware


def witness(ledger: Ledger) -> Middleware:
    """Return the middleware that writes into a ledger when a job begins, and when and how that ends."""

    async def write_down(job: JobContext, call_next: CallNext) -> Any:
        words = (job.queue, job.id, job.token, os.getpid())
        ledger.write("start", *words)
        how = "cancelled"
        try:
            result = await call_next()
            how = "returned"
            return result
        except Exception:
            how = "raised"
            raise
        finally:
            ledger.write("end", *words, how)

    return write_down
