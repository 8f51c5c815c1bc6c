"""What is done to all of them."""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil
from chaos.peers.stage import Stage
from chaos.peers.table import Peer


@dataclass(frozen=True)
class Fault:
    """Something that is done while jobs run.

    Attributes:
        name: on the command line.
        title: in the report.
        act: does it, and returns when it is over.
        rate: how many jobs are enqueued in a second.
        direct: whether everybody finds the server itself, not the proxy.
        why_not: says of a peer why it cannot be done to it; empty if it can.
    """

    name: str
    title: str
    act: Callable[[Stage], None]
    rate: float = 40
    direct: bool = True
    why_not: Callable[[Peer], str] = lambda peer: ""


KILLS = 6
FULL_RATE = 400


def _killed(stage: Stage) -> None:
    for number in range(KILLS):
        # Some jobs have to end between two kills, or nothing would ever be busy twice.
        before = len(stage.watch.ended)
        stage.wait(lambda before=before: len(stage.watch.ended) > before + 5, 20)
        time.sleep(stage.rng.random() * 0.2)
        if not stage.wait(lambda: stage.running_pid() is not None, 20):
            return
        pid = stage.running_pid()
        if pid is None:
            continue
        try:
            alone = [psutil.Process(pid)]
        except psutil.NoSuchProcess:
            continue
        stage.kill(stage.worker_of(pid) if number % 2 else alone)


def _worked_off(stage: Stage) -> None:
    """Wait until the producer is done, and the jobs, or no more of them are."""
    stage.wait(lambda: stage.producers[-1].poll() is not None, 60)
    stage.wait(lambda: not stage.unfinished(), 6)


def _takes(stage: Stage) -> None:
    stage.swallow(stage.before_workers, stage.peer.takes)
    _worked_off(stage)


def _enqueues(stage: Stage) -> None:
    stage.swallow(stage.before_producer, stage.peer.enqueues)
    _worked_off(stage)


def _acknowledges(stage: Stage) -> None:
    stage.swallow(stage.before_workers, stage.peer.acknowledges)
    _worked_off(stage)


def _frozen(stage: Stage) -> None:
    for _ in range(1 if stage.peer.lease > 10 else 2):
        for _ in range(100):
            if not stage.wait(lambda: stage.running_pid() is not None, 20):
                return
            pid = stage.running_pid()
            frozen = stage.worker_of(pid) if pid else []
            _signal(frozen, signal.SIGSTOP)
            stage.watch.look()
            # What was just read may be of a job that has ended since: then nothing was held up.
            time.sleep(0.1)
            stage.watch.look()
            if {each.pid for each in frozen} & {run[2] for run in stage.watch.running}:
                break
            _signal(frozen, signal.SIGCONT)
        stage.faults += 1
        with stage.moving():
            time.sleep(stage.peer.lease * 1.2 + 3)
        _signal(frozen, signal.SIGCONT)
        time.sleep(1)


def _signal(processes: list[psutil.Process], number: signal.Signals) -> None:
    for each in processes:
        try:
            os.kill(each.pid, number)
        except ProcessLookupError:
            continue


def _server_killed(stage: Stage) -> None:
    for _ in range(4):
        stage.server.kill()
        stage.faults += 1
        time.sleep(0.3)
        stage.server.start()
        time.sleep(2)


def _full(stage: Stage) -> None:
    with stage.redis() as connection:
        for number in range(2):
            if number:
                stage.produce(stage.jobs, FULL_RATE, "jj", direct=True)
            # Some have to wait in the queue when it becomes full: so the jobs come faster than they can be run.
            before = len(stage.watch.accepted)
            stage.wait(lambda before=before: len(stage.watch.accepted) >= before + stage.jobs // 3, 10)
            connection.config_set("maxmemory", 1)
            stage.faults += 1
            time.sleep(4)
            connection.config_set("maxmemory", 0)
            time.sleep(1)


FAULTS = (
    Fault("kill", "worker killed", _killed),
    Fault("take", "reply lost: taking", _takes, direct=False),
    Fault("enqueue", "reply lost: enqueueing", _enqueues, direct=False),
    Fault(
        "acknowledge",
        "reply lost: acknowledging",
        _acknowledges,
        direct=False,
        why_not=lambda peer: "" if peer.acknowledges else "it has no acknowledgement",
    ),
    Fault("freeze", "worker frozen", _frozen, rate=20),
    Fault("server", "Redis killed", _server_killed),
    Fault("full", "Redis full", _full, rate=FULL_RATE),
)
