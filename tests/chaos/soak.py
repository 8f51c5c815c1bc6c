"""A worker with default timings lives through half an hour of everything: make soak.

Its memory, files, threads and the keys in the server are looked at every few seconds; what counts is their slope over
the second half, when all that is filled once is full.
"""

import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click
import psutil
import redis
from chaos.arena import Arena, only_work, short_work
from chaos.faults.connections import ERRORS
from chaos.proxy import CutBefore, CutReply, Delay, Inject, Swallow
from chaos.verdict import Allowance

GROWTH = {
    "memory of its own (MB)": (8.0, 0.05),
    "open files and connections": (4.0, 0.1),
    "threads": (2.0, 0.1),
    "keys in the server": (10.0, 0.1),
    "data in the server (MB)": (4.0, 0.2),
}
"""By how much each may be more at the end than at half time: a number, and a share of what it was.

A leak grows with the commands and faults, of which the second half has as many as the first: of half an hour, 180,000
jobs and hundreds of faults. A connection, thread or key for each fault, or 100 bytes for each job, is more than this.
What remains is noise: the allocator keeps pages, connections are replaced, kept jobs differ in length.
"""

ENOUGH = 5.0
"""Minutes from which on growth is judged: before, caches and what is kept of ended jobs are still being filled."""

LEASE = 30.0
"""The default, in seconds, like all timings here."""

EVERY = 5.0
KEPT = 2000


@dataclass(frozen=True)
class Sample:
    """What was seen at a moment.

    Attributes:
        at: seconds since the beginning.
        memory: bytes that are the processes' own, of the supervisor and its child together.
        files: open files and connections of both.
        threads: threads of both.
        keys: keys in the server.
        stored: bytes that the server uses for its data.
    """

    at: float
    memory: int
    files: int
    threads: int
    keys: int
    stored: int


@click.command()
@click.option("--seed", type=int, default=1, help="What all that is drawn depends on.")
@click.option("--minutes", type=float, default=30.0, help="How long.")
@click.option("--report", type=click.Path(dir_okay=False), help="The file to write the figures into, as Markdown.")
def main(seed: int, minutes: float, report: str | None) -> None:
    """Let a worker live through everything, and print the slopes of what it uses."""
    with Arena(
        seed,
        lease=LEASE,
        options=("--appendonly", "yes", "--appendfsync", "always"),
        environment={"CHAOS_KEEP": str(KEPT)},
    ) as arena:
        watched = arena.start_worker("-p", 1)
        arena.working(1)
        [child] = arena.children(watched)
        others = [arena.start_worker("-p", 2)]
        arena.working(3)
        processes = [psutil.Process(watched.pid), child]
        arena.produce(10_000_000, short_work, at_once=20, rate=200)
        arena.produce(10_000_000, only_work, at_once=1, rate=20)
        arena.on_commands(0.005, Swallow(), CutReply(), CutBefore(), Delay(0.2), *map(Inject, ERRORS))
        acts = _acts(arena, others)

        def anything() -> None:
            act = arena.rng.choice(acts)
            act()

        arena.nemesis(anything, 3.0)
        samples, began = [], time.monotonic()
        with redis.Redis.from_url(arena.server.url) as connection:
            while time.monotonic() - began < minutes * 60:
                time.sleep(EVERY)  # between two samples, whatever happens
                try:
                    samples.append(_sample(processes, connection, time.monotonic() - began))
                except redis.RedisError:
                    continue  # the server is away
                assert watched.poll() is None, f"the worker has not survived:\n{arena.logs()}"
                assert child.is_running(), f"its process has not survived:\n{arena.logs()}"
        arena.stop_producing()
        verdict = arena.finish(within=180, allowance=Allowance(pruned=True))
        if verdict.problems:
            kept = Path.cwd() / "build" / "soak"
            shutil.copytree(arena.folder, kept, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.sock"))
            click.echo(f"the ledger and the logs of the workers are in {kept}")
        text = _report(samples, verdict.jobs, arena.faults, seed, minutes)
        if minutes >= ENOUGH:
            verdict.leaked += grown(samples)
    click.echo(text)
    for problem in verdict.problems[:20]:
        click.echo(f"! {problem}")
    if report:
        Path(report).write_text(text + "\n")
    sys.exit(bool(verdict.problems))


def _acts(arena: Arena, others: list["subprocess.Popen[bytes]"]) -> list[Callable[[], object]]:
    """Return what the nemesis may do next."""

    def kill() -> None:
        children = arena.children(others[0])
        if children:
            arena.kill(arena.rng.choice(children))

    def freeze() -> None:
        for process in arena.children(others[0])[:1]:
            process.suspend()
            arena.fault("freeze")
            arena.pause(4)
            process.resume()

    def flush() -> None:
        with redis.Redis.from_url(arena.server.url) as connection:
            connection.script_flush()
        arena.fault("script-flush")

    def cut() -> None:
        arena.proxy.cut_all()
        arena.fault("cut-all")

    def restart() -> None:
        arena.server.kill()
        arena.fault("server-kill")
        arena.server.start()

    def stand_still() -> None:
        arena.server.freeze()
        arena.fault("server-freeze")
        arena.pause(3)
        arena.server.thaw()

    def fill() -> None:
        with redis.Redis.from_url(arena.server.url) as connection:
            connection.config_set("maxmemory", connection.info("memory")["used_memory"])
            arena.fault("full")
            arena.pause(2)
            connection.config_set("maxmemory", 0)

    return [kill, kill, freeze, flush, flush, cut, cut, restart, stand_still, fill]


def _sample(processes: list[psutil.Process], connection: "redis.Redis", at: float) -> Sample:
    return Sample(
        at,
        sum(process.memory_full_info().uss for process in processes),
        sum(process.num_fds() for process in processes),
        sum(process.num_threads() for process in processes),
        int(connection.dbsize()),
        int(connection.info("memory")["used_memory_dataset"]),
    )


def second_half(samples: list[Sample]) -> list[Sample]:
    """Return what was seen when all that is filled once was full."""
    return samples[len(samples) // 2 :]


def figures(samples: list[Sample]) -> dict[str, list[float]]:
    """Return what was seen, by its name in the report."""
    return {
        "memory of its own (MB)": [sample.memory / 1e6 for sample in samples],
        "open files and connections": [float(sample.files) for sample in samples],
        "threads": [float(sample.threads) for sample in samples],
        "keys in the server": [float(sample.keys) for sample in samples],
        "data in the server (MB)": [sample.stored / 1e6 for sample in samples],
    }


def grown(samples: list[Sample]) -> list[str]:
    """Return what has grown in the second half by more than noise: by its slope, not by single moments."""
    half = second_half(samples)
    if len(half) < 10:
        return [f"{len(half)} samples of the second half are too few to judge by"]
    found = []
    for name, values in figures(half).items():
        at = [sample.at for sample in half]
        growth = statistics.linear_regression(at, values).slope * (at[-1] - at[0])
        number, share = GROWTH[name]
        most = number + share * statistics.median(values[:10])
        if growth > most:
            found.append(f"{name}: {growth:+.1f} in the second half, where {most:.1f} is noise")
    return found


def _report(samples: list[Sample], jobs: int, faults: int, seed: int, minutes: float) -> str:
    lines = [
        "# Half an hour of a worker's life",
        "",
        "Written by the run itself; see docs/faults.md.",
        "",
        f"`make soak`: seed {seed}, {minutes:g} minutes, lease {LEASE:g} s, {jobs:,} jobs, {faults:,} injected faults.",
        "",
        "| of the worker, and of the server | at half time | at the end | slope of the second half, per hour |",
        "|---|--:|--:|--:|",
    ]
    half = second_half(samples)
    hours = [sample.at / 3600 for sample in half]
    for name, values in figures(half).items():
        slope = statistics.linear_regression(hours, values).slope
        first, last = (statistics.median(part) for part in (values[:10], values[-10:]))
        lines.append(f"| {name} | {first:.1f} | {last:.1f} | {slope:+.1f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
