"""A worker process under a supervisor: ``python -m jobqueue.worker.child FD``, where FD is a socket to it.

The first line that comes through the socket is the ``Assignment``. Later ones ask the process to ``stop``, or to
``hurry``: to interrupt its jobs rather than let them end. A signal asks it to stop too, however often it comes: where
all processes of a service are signalled, each hears of it twice. What goes back is one JSON object per line:

    {"serves": {"url": ..., "prefix": ..., "queues": [...], "max_lost": ...}}   the application has been imported
    {"uses": ID}                 the process works under this id from now on
    {"ready": true}              it takes jobs
    {"failed": TEXT}             it cannot start, and why
    {"replace": TEXT}            it ends, and wants to be replaced, and why
    {"dismissed": true}          it ends, and nobody is to take its place: an operator has told it to stop
    {"done": true}               it ends, and holds nothing any more

When the socket is closed, the supervisor is dead, and the process stops as if it had been told to.
"""

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from typing import Any, NoReturn

from pydantic_core import to_json

from jobqueue.app import JobQueue
from jobqueue.errors import InvalidJob, InvalidURL, JobQueueError
from jobqueue.worker.assignment import EXIT_FAILED, EXIT_MISTAKEN, EXIT_REPLACE, HURRY, Assignment
from jobqueue.worker.logging import set_up_logging
from jobqueue.worker.reference import AppNotFound, AppReference
from jobqueue.worker.worker import Worker, loop_factory


class SupervisedWorker(Worker):
    """A worker that talks to its supervisor."""

    def __init__(self, jobs: JobQueue, assignment: Assignment, connection: socket.socket) -> None:
        super().__init__(
            jobs,
            queues=assignment.queues or None,
            concurrency=assignment.concurrency,
            burst=assignment.burst,
            shutdown_timeout=assignment.shutdown_timeout,
        )
        self._supervision = self
        self._examines = assignment.examines
        self._connection = connection
        self.replacing = False

    def announce(self, worker: str) -> None:
        """See ``Supervision``."""
        self.say(uses=worker)

    def replace(self, reason: str) -> None:
        """See ``Supervision``."""
        if not self.replacing:
            self.replacing = True
            self._log.replacing(reason, ordered=self._log.told_to == "restart")
            self.say(replace=reason)
            self._stop()

    def abort(self, reason: str) -> NoReturn:
        """See ``Supervision``."""
        self._log.replacing(reason)
        self.say(replace=reason)
        end(EXIT_REPLACE)

    def crash(self) -> NoReturn:
        """See ``Supervision``."""
        end(EXIT_FAILED)

    def dismiss(self) -> None:
        """See ``Supervision``."""
        self.say(dismissed=True)
        self._stop()

    def say(self, **message: Any) -> None:
        """Send a message to the supervisor. If it is dead, nobody is interested."""
        say(self._connection, **message)

    async def serve(self) -> None:
        """Run until told to stop, by a signal, by the supervisor or by its death."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._connection, self._hear)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        await self.arun(started=self._started)

    def _started(self) -> None:
        # What the application has imported stays for good: the collector need not look through it again and again.
        gc.collect()
        gc.freeze()
        self.say(ready=True)

    def _hear(self) -> None:
        self._stopping.set()
        try:
            said = self._connection.recv(4096)
        except OSError:
            said = b""
        if HURRY in said:
            self._hurry.set()
        if not said:
            asyncio.get_running_loop().remove_reader(self._connection)


def main() -> NoReturn:
    """Run one worker process."""
    connection = socket.socket(fileno=int(sys.argv[1]))
    connection.set_inheritable(False)
    with connection.makefile("rb", buffering=0) as lines:
        assignment = Assignment.from_json(lines.readline())
    set_up_logging(assignment.log_level, assignment.log_format)
    try:
        jobs = AppReference.from_json(assignment.app.encode()).load()
        worker = SupervisedWorker(jobs, assignment, connection)
        worker.say(
            serves={
                "url": jobs.url,
                "prefix": jobs.settings.prefix,
                "queues": worker.queues,
                "max_lost": jobs.settings.max_lost,
            }
        )
        asyncio.Runner(loop_factory=loop_factory()).run(worker.serve())
    except JobQueueError as error:
        say(connection, failed=str(error))
        end(EXIT_MISTAKEN if isinstance(error, AppNotFound | InvalidURL | InvalidJob) else EXIT_FAILED)
    except BaseException as error:
        # A job has stopped the event loop, for instance with sys.exit() in a task of its own. To close the loop would
        # wait for what cannot end any more, while the heartbeat goes on: the process dies, and its jobs are lost.
        logging.getLogger("jobqueue.worker").critical("the event loop has been stopped: %r", error, exc_info=error)
        end(EXIT_FAILED)
    if not worker.replacing and not worker.left_running:
        worker.say(done=True)
        end(0)
    # Threads that hang must not keep the process from ending; what they hold is handed back once it has.
    worker.say(replace="jobs in threads have not ended")
    end(EXIT_REPLACE)


def say(connection: socket.socket, **message: Any) -> None:
    """Send a message to the supervisor, if it is still there."""
    try:
        connection.sendall(to_json(message) + b"\n")
    except OSError:
        pass  # the supervisor is dead, and the process is about to notice


def end(code: int) -> NoReturn:
    """End the process without waiting for threads."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
