"""The tasks of ``jobqueue bench``, and as a program the worker that runs them: ``python -m jobqueue.cli.bench_worker``.

The program is given the prefix, and on its standard input the server: there may be a password in it. It says that it is
``ready``, and is told by further lines what to do: ``go``, then ``stop``. If the input ends before, whoever has started
it was killed: then the worker removes what is left in the server.
"""

import sys
import threading
import time
from dataclasses import dataclass

import click

from jobqueue.app import JobQueue
from jobqueue.cli.removal import remove_queue
from jobqueue.task import Task
from jobqueue.worker.logging import set_up_logging
from jobqueue.worker.worker import Worker

QUEUE = "bench"
READY, GO, STOP = "ready", "go", "stop"


@dataclass(frozen=True)
class Seen:
    """The no-op jobs that a worker has run.

    Attributes:
        count: how many.
        seconds: from the first to the last of them.
    """

    count: int
    seconds: float


@dataclass(frozen=True)
class Application:
    """The tasks of a run.

    Attributes:
        jobs: where they are.
        work: does nothing.
        seen: tells which of these the worker has run that it runs in.
        arrive: tells how many seconds ago it was sent, by the clock of the machine.
    """

    jobs: JobQueue
    work: Task[[], None]
    seen: Task[[], Seen]
    arrive: Task[[float], float]


def application(url: str, prefix: str) -> Application:
    """Return the application of a run.

    Args:
        url: the server.
        prefix: what its keys begin with.
    """
    jobs = JobQueue(url, prefix=prefix, queue=QUEUE)
    times: list[float] = []

    @jobs.task
    async def work() -> None:
        times.append(time.monotonic())

    @jobs.task
    async def seen() -> Seen:
        return Seen(len(times), times[-1] - times[0]) if times else Seen(0, 0.0)

    @jobs.task
    async def arrive(sent: float) -> float:
        return time.monotonic() - sent

    return Application(jobs, work, seen, arrive)


def main(prefix: str) -> None:
    """Run jobs when it is told to, until it is told to stop."""
    set_up_logging("error", "text")
    jobs = application(sys.stdin.readline().strip(), prefix).jobs
    worker = Worker(jobs)
    try:
        click.echo(READY)
    except BrokenPipeError:
        pass  # nobody is there any more, which the input tells too
    word = sys.stdin.readline().strip()
    if word == GO:
        words = [""]

        def listen() -> None:
            words[0] = sys.stdin.readline().strip()
            worker.stop()
            worker.stop()

        listener = threading.Thread(target=listen, name="listener", daemon=True)
        listener.start()
        worker.run()
        listener.join()  # a worker that a signal has stopped waits until it knows whether it is the last one
        word = words[0]
    if word != STOP:
        remove_queue(jobs, QUEUE)
    jobs.close()


if __name__ == "__main__":
    main(sys.argv[1])
