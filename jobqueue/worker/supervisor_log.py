"""Every line that a supervisor logs, as ``jobqueue.worker.log`` has those of a worker."""

import logging
import math

from jobqueue.durations import format_duration
from jobqueue.errors import ServerError


class SupervisorLog:
    """Writes what happens to worker processes to a logger.

    Args:
        logger: ``jobqueue.supervisor`` if it is left out.
    """

    def __init__(self, logger: logging.Logger | None = None) -> None:
        self._logger = logger or logging.getLogger("jobqueue.supervisor")

    def started(self, process: int) -> None:
        """A process was started."""
        self._logger.debug("worker process %d started", process)

    def stopping(self, name: str, times: int) -> None:
        """A signal to stop has come."""
        if times == 1:
            self._logger.info("%s: stopping when the running jobs have ended; once more stops at once", name)
        else:
            self._logger.warning("%s again: stopping at once", name)

    def killing(self, process: int) -> None:
        """A process has not ended in time."""
        self._logger.warning("worker process %d has not ended in time and is killed; its jobs are handed back", process)

    def died(self, process: int, cause: str, delay: float) -> None:
        """A process has died without having been asked to."""
        if math.isinf(delay):
            self._logger.error("worker process %d %s; it is started again when the code is changed", process, cause)
        else:
            self._logger.error("worker process %d %s; another is started in %s", process, cause, format_duration(delay))

    def failed_to_start(self, reason: str) -> None:
        """A process cannot do its work."""
        self._logger.error("%s", reason)

    def gave_back(self, process: int, queue: str, returned: int, failed: int) -> None:
        """The jobs of a dead process were taken back."""
        self._logger.warning(
            "queue %s: %d jobs of worker process %d wait again, %d were lost too often and have failed",
            queue, returned, process, failed,
        )  # fmt: skip

    def could_not_give_back(self, process: int, error: ServerError) -> None:
        """The jobs of a dead process could not be taken back."""
        self._logger.error(
            "the jobs of worker process %d are taken back when its lease has run out: %s", process, error
        )

    def reloading(self) -> None:
        """The code has changed."""
        self._logger.info("the code has changed: restarting")
