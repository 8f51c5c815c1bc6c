"""One peer and one fault, from the first job to the verdict."""

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch

import redis
from chaos.ledger import Run, read
from chaos.peers.faults import Fault
from chaos.peers.stage import Stage
from chaos.peers.table import Peer


@dataclass
class Outcome:
    """What came of it.

    Attributes:
        peer: who.
        fault: what was done.
        accepted: jobs of which the producer was told that they are enqueued.
        unknown: jobs at which enqueueing has raised.
        lost: accepted, never run to the end, and nothing of them is left.
        failed: accepted, never run to the end, and kept as failed.
        stuck: accepted, never run to the end, and still there.
        repeated: jobs that were begun more than once.
        overlapping: jobs of which two runs were under way at the same time.
        left: jobs that were run to their end, and are still queued or held.
        faults: how often something was done.
        exits: how often a worker has ended by itself.
        hung: jobs that only another worker has run.
        recovery: seconds from the end of the faults to the end of the last job.
        seconds: how long it all took.
        why_not: why it was not run.
        error: why it could not be run to its end.
    """

    peer: Peer
    fault: Fault
    accepted: int = 0
    unknown: int = 0
    lost: int = 0
    failed: int = 0
    stuck: int = 0
    repeated: int = 0
    overlapping: int = 0
    left: int = 0
    faults: int = 0
    exits: int = 0
    hung: int = 0
    recovery: float = 0.0
    seconds: float = 0.0
    why_not: str = ""
    error: str = ""


def try_out(peer: Peer, fault: Fault, jobs: int, seed: int) -> Outcome:
    """Put a peer through a fault; what goes wrong with the run is in the outcome."""
    outcome = Outcome(peer, fault, why_not=fault.why_not(peer))
    began = time.monotonic()
    if not outcome.why_not:
        try:
            with Stage(peer, fault.name, jobs, seed) as stage:
                _run(outcome, stage)
        except Exception as error:  # the others are run all the same, and it is reported
            outcome.error = f"{type(error).__name__}: {error}"
    outcome.seconds = time.monotonic() - began
    return outcome


def _run(outcome: Outcome, stage: Stage) -> None:
    fault = outcome.fault
    stage.start_workers(direct=fault.direct)
    # The jobs whose ids begin otherwise than with j only keep things moving: here until the workers are there.
    warming = stage.produce(20, 20, "w", direct=True)
    if not stage.wait(lambda: len(stage.watch.ended) >= 10 and warming.poll() is not None, 90):
        raise RuntimeError("no jobs are run")
    stage.produce(stage.jobs, fault.rate, direct=fault.direct)
    if not stage.wait(lambda: sum(job[0] == "j" for job in stage.watch.ended) >= 5, 30):
        raise RuntimeError("no more jobs are run")
    fault.act(stage)
    stage.heal()
    if not stage.wait(lambda: all(each.poll() is not None for each in stage.producers), 60):
        raise RuntimeError("the producer hangs")
    stage.ledger.write("healed", fault.name)
    _grace(outcome, stage)
    if left := stage.unfinished():
        stage.replace_workers()
        _grace(outcome, stage)
        outcome.hung = len(left - stage.unfinished())
    outcome.faults, outcome.exits = stage.faults, stage.exits
    _judge(outcome, stage)


def _grace(outcome: Outcome, stage: Stage) -> None:
    """Wait for what is to be begun again.

    All wait until nothing is queued or held any more, or until the peer's time of recovery is over, and 10 s. Some look
    for what was abandoned only when something new has come: so something comes each second.
    """
    grace = outcome.peer.recovery + 10
    deadline = time.monotonic() + grace
    stage.wait(lambda: not stage.unfinished(), 3)
    if stage.unfinished() or _held(stage):
        with stage.moving():
            stage.wait(lambda: not stage.unfinished() and not _held(stage), deadline - time.monotonic())
    stage.wait(lambda: not _held(stage), 2)


def _held(stage: Stage) -> int:
    """Return how many jobs wait or run, as the peer has it; those that only keep things moving are left out."""
    with stage.redis() as connection:
        text = b"\n".join(text for _, text in _stored(connection, stage.peer.held))
    return sum(job.encode() in text for job in stage.watch.accepted if job[0] == "j")


def _judge(outcome: Outcome, stage: Stage) -> None:
    account = read(stage.path)
    accepted = {job for _, job in account.accepted if job[0] == "j"}
    outcome.accepted = len(accepted)
    outcome.unknown = sum(job[0] == "j" for _, job in account.unknown)
    ends = [(run.ended or 0, job) for (_, job), runs in account.runs.items() for run in runs if run.how == "returned"]
    done = {job for _, job in ends}
    outcome.recovery = max(0, max(at for at, job in ends if job[0] == "j") - account.healed[0]) / 1e9
    with stage.redis() as connection:
        everything = list(_stored(connection, ("*",)))
    kept = b"\n".join(text for key, text in everything if any(fnmatch(key, each) for each in outcome.peer.failed))
    all_text = b"\n".join(text for _, text in everything)
    for job in accepted - done:
        if job.encode() in kept:
            outcome.failed += 1
        elif job.encode() in all_text:
            outcome.stuck += 1
        else:
            outcome.lost += 1
    outcome.left = max(0, _held(stage) - outcome.stuck)
    for (_, job), runs in account.runs.items():
        if job[0] == "j":
            outcome.repeated += len(runs) > 1
            outcome.overlapping += _overlap(runs)


def _overlap(runs: list[Run]) -> bool:
    in_order = sorted(runs, key=lambda run: run.started)
    # A run without an end is one of a process that is gone, nobody knows since when.
    return any((earlier.ended or earlier.started) > later.started for earlier, later in itertools.pairwise(in_order))


def _stored(connection: "redis.Redis", patterns: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    """Give the keys of some patterns, with name and all that is in them; of a stream what is not acknowledged."""
    names = {name for pattern in patterns for name in connection.scan_iter(match=_escaped(pattern), count=1000)}
    for name in names:
        match connection.type(name):
            case b"string":
                parts = [connection.get(name) or b""]
            case b"list":
                parts = connection.lrange(name, 0, -1)
            case b"hash":
                parts = [part for pair in connection.hgetall(name).items() for part in pair]
            case b"set":
                parts = list(connection.smembers(name))
            case b"zset":
                parts = connection.zrange(name, 0, -1)
            case b"stream":
                parts = list(_of_stream(connection, name))
            case _:
                parts = []
        yield name.decode(errors="replace"), b"\n".join([name, *parts])


def _of_stream(connection: "redis.Redis", name: bytes) -> Iterator[bytes]:
    for group in connection.xinfo_groups(name):
        pending = {each["message_id"] for each in connection.xpending_range(name, group["name"], "-", "+", 100_000)}
        last = _number(group["last-delivered-id"])
        for entry, fields in connection.xrange(name):
            if entry in pending or _number(entry) > last:
                yield from fields.values()


def _number(entry: bytes) -> tuple[int, ...]:
    return tuple(map(int, entry.split(b"-")))


def _escaped(pattern: str) -> str:
    return pattern.replace("[", "\\[")
