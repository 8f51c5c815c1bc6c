"""What runs inside a worker process, and what watches over it."""

from jobqueue.worker.worker import Worker

__all__ = ["Worker"]
