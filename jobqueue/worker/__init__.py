"""What runs inside a worker process, and what watches over it."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jobqueue.worker.worker import Worker

__all__ = ["Worker"]


def __getattr__(name: str) -> Any:
    # A supervisor runs no jobs, and has no use for what does.
    if name != "Worker":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from jobqueue.worker.worker import Worker

    return Worker
