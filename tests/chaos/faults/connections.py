"""Connections are cut, go silent, and carry errors."""

import random

import redis
from chaos.arena import Arena, mixed, only_work
from chaos.proxy import BlackHole, CutBefore, CutReply, Deafen, Delay, Inject, Swallow
from chaos.scenario import Found, Terms, end, scenario
from chaos.verdict import Allowance

ERRORS = (
    "LOADING Redis is loading the dataset in memory",
    "READONLY You can't write against a read only replica.",
    "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)",
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
    "OOM command not allowed when used memory > 'maxmemory'.",
    "NOSCRIPT No matching script. Please use EVAL.",
    "CLUSTERDOWN The cluster is down",
    "TRYAGAIN Multiple keys request during rehashing of slot",
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    "NOREPLICAS Not enough good replicas to write.",
    "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
)


@scenario("F3", "the replies to claims are lost")
def claim_replies(terms: Terms) -> Found:
    with Arena(terms.seed) as arena:
        arena.start_worker("-p", 2, "-c", 5)
        arena.working(2)
        arena.on_commands(0.25, Swallow(), CutReply(), names={"claim", "BLMOVE"})
        arena.produce(terms.jobs(20_000), mixed, at_once=20)
        return end(arena)


@scenario("F4", "the replies to enqueues are lost")
def enqueue_replies(terms: Terms) -> Found:
    with Arena(terms.seed) as arena:
        arena.start_worker("-p", 2, "-c", 20, url=arena.server.url)
        arena.working(2)
        arena.on_commands(
            0.3, Swallow(), CutReply(), CutBefore(), names={"add", "add_steered", "commit", "receive", "declare"}
        )
        for _ in range(3):
            arena.produce(terms.jobs(4_000), mixed, at_once=5)
        # What is lost is sent again, a few times: about one call in a hundred is lost each time, and raises.
        return end(arena, allowance=Allowance(least_accepted=0.95))


@scenario("F5", "the replies to settlements are lost")
def settle_replies(terms: Terms) -> Found:
    with Arena(terms.seed) as arena:
        arena.start_worker("-p", 2, "-c", 5)
        arena.working(2)
        arena.on_commands(0.15, Swallow(), CutReply(), CutBefore(), names={"settle"})
        arena.produce(terms.jobs(20_000), mixed, at_once=20)
        return end(arena)


@scenario("F6", "connections of idle workers go silent, and stay open (half-open TCP)")
def half_open(terms: Terms) -> Found:
    with Arena(terms.seed) as arena:
        arena.start_worker("-p", 2, "-c", 5)
        arena.working(2)
        arena.on_commands(0.15, BlackHole(), Deafen(), names={"BLMOVE", "SUBSCRIBE", "PING"})
        arena.produce(terms.jobs(3_000), only_work, at_once=3, rate=100)
        return end(arena)


@scenario("F19", "one command in ten is answered by an error: " + ", ".join(text.split()[0] for text in ERRORS))
def errors(terms: Terms) -> Found:
    with Arena(terms.seed) as arena:
        arena.start_worker("-p", 2, "-c", 10)
        arena.working(2)
        arena.on_commands(0.1, *map(Inject, ERRORS))
        for _ in range(2):
            arena.produce(terms.jobs(10_000), mixed, at_once=10)
        return end(arena, allowance=Allowance(least_accepted=0.9))


@scenario("F20", "the server forgets all scripts every 20 ms")
def forgotten_scripts(terms: Terms) -> Found:
    with Arena(terms.seed) as arena, redis.Redis.from_url(arena.server.url) as connection:

        def flush() -> None:
            connection.script_flush()
            arena.fault("script-flush")

        arena.start_worker("-p", 2, "-c", 50)
        arena.working(2)
        arena.nemesis(flush, 0.02)
        for _ in range(2):
            arena.produce(terms.jobs(20_000), mixed)
        return end(arena, allowance=Allowance(seen=False))


@scenario("F23", "connections are killed, more than a hundred each second, of workers and of 50 producers")
def killed_connections(terms: Terms) -> Found:
    with Arena(terms.seed) as arena, redis.Redis.from_url(arena.server.url) as connection:
        arena.start_worker("-p", 2, "-c", 20)
        arena.working(2)
        rng = random.Random(terms.seed)

        def kill() -> None:
            clients = [each for each in connection.client_list() if each["name"] != "nemesis"]
            for client in rng.sample(clients, min(5, len(clients))):
                connection.execute_command("CLIENT", "KILL", "ID", client["id"], "SKIPME", "yes")
                arena.fault("client-kill")

        with redis.Redis.from_url(arena.server.url) as watching:
            before = len(watching.client_list())
        arena.nemesis(kill, 0.02)
        for _ in range(50):
            arena.produce(terms.jobs(1_000), only_work, at_once=10, rate=100)
        verdict, faults, _ = end(arena)
        return verdict, faults, f"{before} connections before"


@scenario("F3-F6", "everything at once: cut, swallowed, delayed, broken in the middle, at any command")
def all_at_once(terms: Terms) -> Found:
    with Arena(terms.seed) as arena:
        arena.start_worker("-p", 2, "-c", 10)
        arena.working(2)
        arena.on_commands(0.06, Swallow(), CutReply(), CutBefore(), Delay(0.02), Inject(ERRORS[0]))
        for _ in range(3):
            arena.produce(terms.jobs(20_000), mixed, at_once=20)
        return end(arena)
