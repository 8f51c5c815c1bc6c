"""The server is killed, loses power, is full, deletes what it likes, and is replaced by its replica."""

import contextlib
import itertools
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis
from chaos.arena import Arena, job, mixed, short_work, usual
from chaos.ledger import read
from chaos.relay import Relay
from chaos.scenario import Found, Skipped, Terms, end, scenario
from chaos.verdict import Allowance
from servers import KINDS, Kind, RunningServer, free_ports, replicated, watched
from waiting import wait_until

from jobqueue import Draft, Flow, JobQueue

AOF = ("--appendonly", "yes", "--appendfsync")
NOTED = 0.3
"""Seconds in which producers write down what a server has told them that stands still since."""

REFUSING = ("--min-replicas-to-write", "1", "--min-replicas-max-lag", "1")
"""What makes a primary refuse writes when it has not heard of its replica for a second."""

CUT_OFF = 6.0
"""Seconds for which a primary is cut off."""


def confirmed(durability: str) -> Any:
    """Return what makes jobs of which the producer wants to know that they are kept."""

    def shape(jobs: JobQueue, rng: Any, n: int) -> Draft[Any] | Flow[Any]:
        return job(jobs, rng, "work", n, durability=durability)

    return shape


@scenario("F13", "the server is killed (kill -9) and started again, with appendfsync always")
def server_killed(terms: Terms) -> Found:
    return kill_server(terms, "always", Allowance())


@scenario("F13e", "the same with appendfsync everysec, which acknowledges what it writes after the sync under way")
def server_killed_everysec(terms: Terms) -> Found:
    # While a sync is under way, for up to two seconds, nothing is written to the file, and it is acknowledged all the
    # same: flushAppendOnlyFile() in aof.c.
    # The kills are further apart, so that most of what happens is not excused by one of them.
    verdict, faults, _ = kill_server(terms, "everysec", Allowance(forgetful=3), rate=1000, every=6)
    return verdict, faults, f"{verdict.forgotten} accepted jobs lost with the server"


def kill_server(terms: Terms, fsync: str, allowance: Allowance, rate: float = 2000, every: float = 2.5) -> Found:
    """Kill the server again and again."""
    with Arena(terms.seed, options=(*AOF, fsync)) as arena:
        arena.start_worker("-p", 2, "-c", 20)
        arena.working(2)
        arena.produce(terms.jobs(30_000), mixed, rate=rate)

        def kill() -> None:
            arena.server.kill()
            arena.fault("server-kill")
            arena.server.start()
            arena.ledger.write("healed", "server")

        arena.nemesis(kill, every)
        return end(arena, allowance=allowance)


@scenario("F14", "the server loses power: the last second of its file is cut off, with appendfsync everysec")
def power_loss(terms: Terms) -> Found:
    cut_off = 0
    with Arena(terms.seed, options=(*AOF, "everysec")) as arena:
        arena.start_worker("-p", 2, "-c", 20)
        arena.working(2)
        producer = arena.produce(terms.jobs(15_000), mixed, at_once=20, rate=600)
        for _ in range(max(1, round(4 * terms.scale))):
            arena.pause(5)
            size = log_size(arena.server)
            arena.pause(1)
            cut_off += lose_power(arena, size)
        producer.join(60)
        verdict, faults, _ = end(arena, allowance=Allowance(forgetful=4))
    return verdict, faults, f"{cut_off / 1e6:.1f} MB cut off, {verdict.forgotten} accepted jobs with it"


@scenario(
    "F14f",
    'power is lost half a second after `appendfsync always` was turned off; half of the jobs with durability="fsync"',
)
def power_loss_confirmed(terms: Terms) -> Found:
    cut_off = 0
    options = (*AOF, "always", "--auto-aof-rewrite-percentage", "0")
    with Arena(terms.seed, kind=KINDS["valkey"], options=options) as arena:
        arena.start_worker("-p", 2, "-c", 20)
        arena.working(2)
        rounds = max(2, round(6 * terms.scale))
        for shape in (confirmed("fsync"), short_work):
            arena.produce(rounds * 1200, shape, at_once=10, rate=300)
        for how in itertools.islice(itertools.cycle(["everysec", "no"]), rounds):
            arena.pause(2.5)
            cut_off += lose_what_is_not_synced(arena, how)
        verdict, faults, _ = end(arena, allowance=Allowance(forgetful=2))
    return verdict, faults, f"{cut_off / 1e3:.0f} kB cut off, {verdict.forgotten} unconfirmed jobs with it"


def lose_what_is_not_synced(arena: Arena, how: str) -> int:
    """Have a server that syncs always do so less often, and lose power before it does; return how much was lost."""
    server = arena.server
    with redis.Redis.from_url(server.url) as connection:
        while True:
            began = time.monotonic()
            connection.config_set("appendfsync", how)
            # All until now was synced, and with everysec the next sync begins a second after the last. With anything
            # but always, whatever the server says of its disk, nobody may be told that a job is safe: of what is in
            # its file no fsync has covered what comes now.
            size = log_size(server)
            arena.pause(0.5)
            server.freeze()
            if time.monotonic() - began < 0.9:
                break
            server.thaw()  # this machine is too slow
            connection.config_set("appendfsync", "always")
            arena.pause(0.2)
    arena.pause(NOTED)
    return lose_power(arena, size)


def lose_power(arena: Arena, size: int) -> int:
    """Kill the server, cut off what its file has over a size, and start it; return how much was cut off."""
    arena.server.kill()
    arena.fault("power-loss")
    over = cut(arena.server, size)
    arena.server.start()
    arena.ledger.write("healed", "power")
    return over


def log_size(server: RunningServer) -> int:
    """Return how many bytes the log has."""
    return sum(path.stat().st_size for path in logs_of(server))


def logs_of(server: RunningServer) -> list[Path]:
    """Return the files that the server appends to."""
    return sorted(server.socket.parent.glob("appendonlydir/*.incr.aof"))


def cut(server: RunningServer, size: int) -> int:
    """Cut off what the log has over a size; return how much that was."""
    [path] = logs_of(server)
    over = path.stat().st_size - size
    if over > 0:
        os.truncate(path, size)
    return max(0, over)


@contextlib.contextmanager
def linked(terms: Terms) -> Iterator[tuple[Arena, list[RunningServer]]]:
    """Return an arena with workers, and its server with a replica."""
    with (
        replicated(usual(), "--appendonly", "no") as (primary, replica),
        Arena(terms.seed, server=primary) as arena,
    ):
        arena.start_worker("-p", 2, "-c", 20)
        arena.working(2)
        yield arena, [primary, replica]


@scenario(
    "F15", "the primary dies when its replica is behind, and that one is promoted; half of the jobs are confirmed by it"
)
def primary_dies(terms: Terms) -> Found:
    with linked(terms) as (arena, servers):
        arena.produce(terms.jobs(10_000), confirmed("replica"), at_once=20, rate=600)
        arena.produce(terms.jobs(10_000), short_work, at_once=20, rate=600)
        for _ in range(max(1, round(4 * terms.scale))):
            arena.pause(2.5)
            lose_primary(arena, *servers)
            servers.reverse()
        verdict, faults, _ = end(arena, allowance=Allowance(forgetful=2))
    return verdict, faults, f"{verdict.forgotten} unconfirmed jobs lost with the primary"


def lose_primary(arena: Arena, primary: RunningServer, replica: RunningServer) -> None:
    """Cut a replica off from its primary, kill that one half a second later, and promote the replica."""
    with redis.Redis.from_url(replica.url) as new:
        leave(new)
        arena.pause(0.5)
        primary.freeze()
        arena.pause(NOTED)
        primary.kill()
        arena.fault("primary-kill")
        new.execute_command("REPLICAOF", "NO", "ONE")
    arena.move_to(replica)
    arena.ledger.write("healed", "promoted")
    primary.start()
    follow(primary, port_of(replica))


def leave(replica: "redis.Redis") -> None:
    """Have a replica hear nothing of its primary any more, as if the network between them were cut."""
    [nobody] = free_ports(1)
    replica.execute_command("REPLICAOF", "127.0.0.1", nobody)


def follow(replica: RunningServer, port: int) -> None:
    """Have a server become the replica of the one at a port, and wait until it is."""
    with redis.Redis.from_url(replica.url) as connection:
        connection.execute_command("REPLICAOF", "127.0.0.1", port)
        wait_until(lambda: connection.info("replication")["master_link_status"] == "up", "the replica is linked", 30)


@scenario("F15f", "FAILOVER under load, forth and back: it waits for the replica, and nothing may be lost")
def failover(terms: Terms) -> Found:
    with linked(terms) as (arena, servers):
        arena.produce(terms.jobs(8_000), confirmed("replica"), at_once=20, rate=800)
        arena.produce(terms.jobs(8_000), short_work, at_once=20, rate=800)
        for _ in range(max(2, round(4 * terms.scale))):
            arena.pause(2)
            hand_over(*servers)
            servers.reverse()
            arena.move_to(servers[0])
            arena.fault("failover")
            arena.ledger.write("healed", "failover")
        return end(arena)


def hand_over(primary: RunningServer, replica: RunningServer) -> None:
    """Have a primary hand over to its replica."""
    with redis.Redis.from_url(primary.url) as old, redis.Redis.from_url(replica.url) as new:
        wait_until(lambda: new.info("replication")["master_link_status"] == "up", "the replica is linked", 30)
        old.execute_command("FAILOVER", "TO", "127.0.0.1", port_of(replica), "TIMEOUT", 10_000)
    wait_until(lambda: role_of(replica) == "master", "the replica is promoted", 30)


def role_of(server: RunningServer) -> str:
    """Return the role of a server; nothing while it does not say."""
    try:
        with redis.Redis.from_url(server.url) as connection:
            return str(connection.info("replication")["role"])
    except redis.ConnectionError:
        return ""  # it closes connections when its role changes


def port_of(server: RunningServer) -> int:
    """Return the port of a server."""
    with redis.Redis.from_url(server.url) as connection:
        return int(connection.config_get("port")["port"])


@scenario("F16", "the primary is cut off (frozen), sentinels promote its replica, the old one comes back")
def sentinel_promotion(terms: Terms) -> Found:
    if KINDS["redis"].find() is None:
        raise Skipped("there is no redis-server, which can be a sentinel")
    options = ("--appendonly", "no", *REFUSING)
    with replicated(KINDS["redis"], *options) as (primary, replica):
        ports = [port_of(primary), port_of(replica)]
        with watched(KINDS["redis"], *ports) as sentinels, Arena(terms.seed, server=primary) as arena:
            url = "sentinel://" + ",".join(f"127.0.0.1:{each}" for each in sentinels) + "/jobs/0"
            arena.start_worker("-p", 2, "-c", 20, url=url)
            arena.working(2)
            producers = [
                arena.produce(terms.jobs(8_000), confirmed("replica"), at_once=20, rate=600, url=url) for _ in range(2)
            ]
            arena.pause(2)
            arena.ledger.write("fault", "isolate")
            arena.faults += 1
            primary.freeze()
            wait_until(lambda: role_of(replica) == "master", "the replica is promoted", 30)
            alone = time.monotonic()
            arena.pause(2)
            primary.thaw()
            arena.server = replica
            wait_until(lambda: role_of(primary) == "slave", "the old primary is a replica", 30)
            # Until then the new primary has no replica, and takes nothing: that is the price with two servers.
            alone = time.monotonic() - alone
            arena.ledger.write("healed", "rejoined")
            for producer in producers:
                producer.join(60)
            # When it goes on, it takes itself for the primary for some seconds, and nothing that it takes is confirmed.
            return end(
                arena,
                f"for {alone:.0f} s there was no second server, and nothing was accepted",
                allowance=Allowance(cut_off=True),
            )


@scenario(
    "F16m", "the primary is cut off with its clients for six seconds, and its replica promoted, without min-replicas"
)
def cut_off(terms: Terms) -> Found:
    return partition(terms, forgetful=CUT_OFF + 1, noticed=CUT_OFF)


@scenario("F16n", "the same with min-replicas-to-write 1 and min-replicas-max-lag 1")
def cut_off_and_refusing(terms: Terms) -> Found:
    # It looks once in a second, and whole seconds are compared: from the third on it refuses.
    return partition(terms, *REFUSING, forgetful=3.5, noticed=3)


def partition(terms: Terms, *options: str, forgetful: float, noticed: float) -> Found:
    """Cut a primary off together with its clients, promote its replica, and have the old one follow it.

    Args:
        terms: how to run it.
        options: settings of both servers.
        forgetful: seconds before it should have noticed, in which what it accepts is lost.
        noticed: seconds after which it should have.
    """
    with (
        replicated(usual(), "--appendonly", "no", *options) as (primary, replica),
        contextlib.closing(Relay(port_of(primary))) as wire,
        Arena(terms.seed, server=primary) as arena,
    ):
        follow(replica, wire.port)
        arena.start_worker("-p", 2, "-c", 20)
        arena.working(2)
        arena.produce(terms.jobs(12_000), short_work, at_once=10, rate=max(50, 1000 * terms.scale))
        arena.pause(2)
        wire.silence()
        with redis.Redis.from_url(replica.url) as new:
            new.execute_command("REPLICAOF", "NO", "ONE")
        began = time.monotonic()
        arena.pause(noticed)
        if noticed == CUT_OFF:
            # It never notices, so it has to be kept from taking what would count as accepted after the fault.
            primary.freeze()
            arena.pause(NOTED)
        arena.fault("cut-off")
        arena.pause(began + CUT_OFF - time.monotonic())
        primary.freeze()
        arena.pause(NOTED)
        arena.move_to(replica)
        arena.ledger.write("healed", "promoted")
        primary.thaw()
        follow(primary, port_of(replica))
        verdict, faults, _ = end(arena, allowance=Allowance(forgetful=forgetful))
    return verdict, faults, f"{verdict.forgotten} accepted jobs lost, {verdict.unrun} of them before they were run"


@scenario("F17", "the clock of the server jumps by an hour, ahead and back: a skewed replica is promoted")
def skewed_replica(terms: Terms) -> Found:
    with (
        skewed(KINDS["valkey"], "+3600") as kind,
        replicated(KINDS["valkey"], other_kind=kind) as (primary, replica),
        Arena(terms.seed, server=primary, environment={"CHAOS_SCHEDULE": "1"}) as arena,
    ):
        servers = [primary, replica]
        arena.start_worker("-p", 2, "-c", 20)
        arena.working(2)
        # None that is delayed: by a clock that was ahead, it would be due in an hour.
        arena.produce(terms.jobs(10_000), short_work, at_once=20, rate=1000)
        for _ in range(2):
            arena.pause(3)
            hand_over(*servers)
            servers.reverse()
            arena.move_to(servers[0])
            arena.fault("clock-jump")
            arena.ledger.write("healed", "failover")
        verdict, faults, _ = end(arena)
        slots = [runs for (queue, _), runs in read(arena.ledger_path).runs.items() if queue == "slots"]
        return verdict, faults, f"{len(slots)} slots fired"


@contextmanager
def skewed(kind: Kind, seconds: str) -> Iterator[Kind]:
    """Return a kind of server whose clock is wrong by some seconds."""
    library = fake_time()
    program = kind.find()
    assert program is not None
    folder = Path(os.environ.get("TMPDIR", "/tmp")) / f"jq-skewed-{os.getpid()}"
    folder.mkdir(mode=0o700)
    try:
        script = folder / program.name
        environment = f"LD_PRELOAD={library} FAKETIME={seconds} DONT_FAKE_MONOTONIC=1"
        script.write_text(f'#!/bin/sh\nexec env {environment} {program} "$@"\n')
        script.chmod(0o700)
        yield Kind(kind.name, lambda: script, kind.why_missing)
    finally:
        shutil.rmtree(folder)


def fake_time() -> Path:
    """Return the library that changes what programs take for the time."""
    try:
        import libfaketime
    except ImportError:
        raise Skipped("libfaketime is not installed") from None
    return next(Path(libfaketime.__file__).parent.rglob("libfaketime.so.1"))


@scenario("F18", "the clocks of workers and producers are wrong by an hour, in both directions")
def skewed_clients(terms: Terms) -> Found:
    library = str(fake_time())
    with Arena(terms.seed) as arena:
        for skew in ("+3600", "-3600"):
            arena.start_worker("-c", 20, LD_PRELOAD=library, FAKETIME=skew, DONT_FAKE_MONOTONIC="1")
            arena.fault("skew")
        arena.start_worker("-c", 20)
        arena.working(3)
        arena.produce(terms.jobs(20_000), mixed)
        return end(arena)


@scenario("F21", "the server is full (maxmemory) while producers go on")
def full(terms: Terms) -> Found:
    with Arena(terms.seed) as arena, redis.Redis.from_url(arena.server.url) as connection:
        arena.start_worker("-p", 2, "-c", 20)
        arena.working(2)

        def squeeze() -> None:
            used = connection.info("memory")["used_memory"]
            connection.config_set("maxmemory", used + arena.rng.randrange(50_000, 500_000))
            arena.fault("full")
            arena.pause(1.0)
            connection.config_set("maxmemory", 0)

        arena.nemesis(squeeze, 2.0)
        for _ in range(3):
            arena.produce(terms.jobs(30_000), mixed)
        # Half of the time it is full, and it takes less time to be refused than to be accepted.
        return end(arena, allowance=Allowance(least_accepted=0.2))


@scenario("F22", "the server deletes keys to make room (allkeys-random), and the doctor mends what is left")
def evicting(terms: Terms) -> Found:
    with Arena(terms.seed) as arena, redis.Redis.from_url(arena.server.url) as connection:
        arena.start_worker("-p", 2, "-c", 20)
        arena.working(2)
        # In bursts: something is to wait when it is deleted.
        arena.produce(terms.jobs(10_000), short_work, at_once=500, rate=500)
        columns = [f"{{chaos:main}}:{name}" for name in ("jobs", "wait", "active", "workers", "claims", "worker_info")]

        turns = itertools.cycle(columns)

        def evict() -> None:
            connection.delete(next(turns))
            arena.fault("evict")

        arena.nemesis(evict, 3.1)
        arena.join_producers()
        arena.heal()
        time.sleep(3 * arena.lease)  # for as long as leases take to run out, which nobody can see from outside
        with arena.application() as jobs:
            jobs.inspect.doctor(fix=True)
        # A job may be deleted however long ago it was accepted; an execution, only while it goes on.
        verdict, faults, _ = end(arena, allowance=Allowance(forgetful=600, runs=0.5))
        return verdict, faults, f"{verdict.forgotten} jobs were deleted, {verdict.unrun} of them before they were run"
