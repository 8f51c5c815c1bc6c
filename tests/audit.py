"""What must hold of the keys of a queue at any moment, whatever has been done to it."""

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import redis

from jobqueue.store.keys import KEYS, QueueKeys

ENDED = ("completed", "failed", "cancelled")
BELL = "*"


@dataclass
class Keyspace:
    """All that is stored of a queue, decoded.

    Attributes:
        values: the value of each key by its short name; a missing key is empty.
        inboxes: the ids in each worker's inbox.
        strange: keys under the queue's tag that nobody knows.
        queue: its name.
    """

    values: dict[str, Any]
    inboxes: dict[str, list[str]] = field(default_factory=dict)
    strange: list[str] = field(default_factory=list)
    queue: str = "mail"

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    @property
    def present(self) -> dict[str, Any]:
        """The keys that exist: what a test compares after a script."""
        found = {name: value for name, value in self.values.items() if value}
        return found | {f"inbox:{worker}": ids for worker, ids in self.inboxes.items() if ids}


def read_keyspace(connection: "redis.Redis", keys: QueueKeys) -> Keyspace:
    """Read everything that is stored of a queue."""
    stored = [name for name, (kind, _) in KEYS.items() if kind not in ("channel", "stream") and name != "inbox"]
    present = [key.decode() for key in connection.scan_iter(match=f"{keys.tag}:*", count=1000)]
    inbox = f"{keys.tag}:inbox:"
    workers = [key.removeprefix(inbox) for key in present if key.startswith(inbox)]
    known = {keys[name] for name in (*stored, "events")}
    with connection.pipeline(transaction=False) as pipeline:
        for name in stored:
            _ask(pipeline, KEYS[name][0], keys[name])
        for worker in workers:
            _ask(pipeline, "list", keys.inbox(worker))
        replies = pipeline.execute()
    values = {name: _decoded(KEYS[name][0], reply) for name, reply in zip(stored, replies, strict=False)}
    inboxes = {worker: _decoded("list", reply) for worker, reply in zip(workers, replies[len(stored) :], strict=True)}
    strange = [key for key in present if key not in known and not key.startswith(inbox)]
    return Keyspace(values, inboxes, strange, keys.queue)


def _ask(pipeline: Any, kind: str, key: str) -> None:
    match kind:
        case "hash":
            pipeline.hgetall(key)
        case "list":
            pipeline.lrange(key, 0, -1)
        case "set":
            pipeline.smembers(key)
        case "zset":
            pipeline.zrange(key, 0, -1, withscores=True)


def _decoded(kind: str, reply: Any) -> Any:
    match kind:
        case "hash":
            return {name.decode(): value.decode() for name, value in reply.items()}
        case "list":
            return [item.decode() for item in reply]
        case "set":
            return {item.decode() for item in reply}
    return {member.decode(): score for member, score in reply}


def problems(space: Keyspace) -> list[str]:
    """Return everything that is wrong with a keyspace; nothing if it is sound."""
    found = [f"unknown key {key}" for key in space.strange]
    jobs, ghosts, active = set(space["jobs"]), space["ghosts"], space["active"]
    is_held = "paused" in space["meta"] or "limited" in space["meta"]
    line = space["held"] if is_held else space["wait"]
    bells = space["wait"].count(BELL)
    if space["held"] and not is_held:
        found.append("held exists, but the queue is neither paused nor limited")
    if is_held and space["wait"] not in ([], [BELL]):
        found.append(f"the line is held, but wait has jobs: {space['wait']}")
    if bells > 1 or (bells and "paused" in space["meta"]) or (bells and space["wait"][-1] != BELL):
        found.append(f"a bell where it should not be: {space['wait']}")

    in_line = [*line, *(job for ids in space.inboxes.values() for job in ids)]
    in_line = [job for job in in_line if job != BELL]
    if repeated := [job for job, count in Counter(in_line).items() if count > 1]:
        found.append(f"more than once in the line: {repeated}")
    if ghosts - set(in_line):
        found.append(f"ghosts that lie nowhere: {ghosts - set(in_line)}")

    backlog = {member.rpartition("|")[2]: member.rpartition("|")[0] for member in space["backlog"]}
    if len(backlog) < len(space["backlog"]):
        found.append(f"more than once in the backlog: {space['backlog']}")
    places: Counter[str] = Counter(job for job in in_line if job not in ghosts)
    places.update(backlog.keys())
    for name in ("delayed", "blocked", "active", "parked", *ENDED):
        places.update(space[name].keys())
    for job in jobs | set(places):
        if job not in jobs:
            found.append(f"{job} is in a state, but has no specification")
        elif places[job] != 1:
            found.append(f"{job} is in {places[job]} places")
    found += lane_problems(space, backlog)
    found += bond_problems(space)
    found += schedule_problems(space)

    ended = {job for name in ENDED for job in space[name]}
    # How a job ended stays until those that depend on it have been told.
    swept = {entry.split(" ")[1] for entry in space["outbox"] if entry.startswith("sweep ")} - jobs
    if ended != set(space["outcomes"]) - swept:
        found.append(f"ended jobs and outcomes differ: {ended ^ set(space['outcomes'])}")
    if set(space["expiring"]) - set(space["completed"]):
        found.append("jobs expire that have not completed")
    found += [
        f"{column} of jobs that are gone: {set(space[column]) - jobs}"
        for column in (
            "attempts",
            "progress",
            "logs",
            "notes",
            "traits",
            "owning",
            "aggregates",
            "blocking",
            "places",
            "deadlines",
        )
        if set(space[column]) - jobs
    ]
    if set(space["cancelling"]) - set(active):
        found.append("jobs that are not active are asked to stop")
    if space["waiters"] & ended or space["waiters"] - jobs:
        found.append("somebody waits for jobs that have ended or are gone")

    found += error_problems(space)
    parking = {member.rpartition("|")[2]: member.rpartition("|")[0] for member in space["parking"]}
    topics = {job: text.split(" ", 1)[0] for job, text in space["parked"].items()}
    if parking != topics:
        found.append(f"parked and parking differ: {parking} {topics}")

    workers = set(space["workers"])
    if set(space["worker_info"]) != workers:
        found.append("workers and their descriptions differ")
    if set(space["claims"]) - workers - {"token"}:
        found.append("claims are remembered of workers that are gone")
    holders = {entry.split(" ", 2)[2] for entry in active.values()}
    if holders - workers:
        found.append(f"jobs are held by workers that are gone: {holders - workers}")
    if workers & set(space["tombstones"]):
        found.append("a worker is both registered and dead")
    strangers = {worker for worker, ids in space.inboxes.items() if ids} - workers - set(space["tombstones"])
    if strangers:
        found.append(f"inboxes of workers that nobody looks after: {strangers}")
    last = int(space["claims"].get("token", 0))
    if late := [job for job, entry in active.items() if int(entry.split(" ", 1)[0]) > last]:
        found.append(f"tokens beyond the counter: {late}")
    return found


def schedule_problems(space: Keyspace) -> list[str]:
    """Return what is wrong with the schedules."""
    found = []
    if set(space["schedules"]) != set(space["firings"]):
        found.append(f"schedules and how they stand differ: {set(space['schedules']) ^ set(space['firings'])}")
    if set(space["fired"]) - set(space["schedules"]):
        found.append(f"slots of schedules that are gone: {set(space['fired']) - set(space['schedules'])}")
    if set(space["outstanding"]) - set(space["schedules"]):
        found.append(f"jobs of schedules that are gone: {set(space['outstanding']) - set(space['schedules'])}")
    active = {name for name, head in space["firings"].items() if head.startswith("active ")}
    if set(space["upcoming"]) != active:
        found.append(f"not each active schedule has a next slot: {set(space['upcoming']) ^ active}")
    if set(space["orders"]) - set(space["worker_info"]):
        found.append(f"orders for workers that are gone: {set(space['orders']) - set(space['worker_info'])}")
    if set(space["declaring"]) - set(space["worker_info"]):
        found.append(f"workers declare schedules that are gone: {set(space['declaring']) - set(space['worker_info'])}")
    return found


def error_problems(space: Keyspace) -> list[str]:
    """Return what is wrong with the index of errors: each failed job is in it, under what its record says."""
    expected = set()
    for job, ended in space["failed"].items():
        error = json.loads(space["outcomes"].get(job, "[0,0,0,0,0,{}]"))[5]
        task = json.loads(space["jobs"].get(job, "{}")).get("task", "")
        expected.add(f"{error.get('fingerprint', '-')}|{task}|{ended:013.0f}|{job}")
    indexed = set(space["fingerprints"])
    return (
        [f"the failed jobs and the index of their errors differ: {expected ^ indexed}"] if expected != indexed else []
    )


def lane_problems(space: Keyspace, backlog: dict[str, str]) -> list[str]:
    """Return what is wrong with the lanes, their gates, and what the jobs in them hold."""
    found = []
    active = space["active"]
    lying = {job: place for job, place in space["places"].items() if job not in active}
    if lying != backlog:
        found.append(f"places and backlog differ: {lying} {backlog}")
    lanes = {place.rpartition("|")[0] for place in backlog.values()} - {"/"}
    in_ring, closed = set(space["ring"]), set(space["closed"])
    if in_ring & closed:
        found.append(f"lanes take turns that are closed: {in_ring & closed}")
    if lanes - in_ring - closed:
        found.append(f"lanes have jobs and will never be served: {lanes - in_ring - closed}")
    gated = {member.split("|", 2)[2]: member.rpartition("|")[0] for member in space["gated"]}
    if gated != space["closed"]:
        found.append(f"gated and closed differ: {space['gated']} {space['closed']}")
    found += gate_problems(space)
    held = {(member.partition("|")[2], member.partition("|")[0]) for member in space["slots"]}
    expected = set()
    for job in active:
        if lane := space["places"].get(job):
            task, _, key = lane.partition("/")
            expected |= {(job, f"task:{task}")} if task else set()
            expected |= {(job, f"key:{key}")} if key else set()
    if held != expected:
        found.append(f"slots differ from what runs: {held ^ expected}")
    ended = {job for name in ENDED for job in space[name]}
    keyed = {(member.partition("|")[2], member.partition("|")[0]) for member in space["keyed"]}
    keys = {(job, traits.partition("|")[2]) for job, traits in space["traits"].items() if traits.partition("|")[2]}
    if keyed != {(job, key) for job, key in keys if job not in ended}:
        found.append("the jobs of the keys are not those that have not ended")
    return found


def gate_problems(space: Keyspace) -> list[str]:
    """Return the gates that are open, and let in none of the lanes that wait for them."""
    found = []
    limits, running = space["limits"], Counter(member.partition("|")[0] for member in space["slots"])
    if any(gate.startswith("keys") for gate in space["resting"]):
        return []  # they are about to be looked at, some at a time
    for gate in {place.partition("|")[0] for place in space["closed"].values()}:
        each = "keys" if gate.startswith("key:") else gate
        most = limits.get(f"concurrency {gate}", limits.get(f"concurrency {each}"))
        paused = limits.get(f"paused {gate}", limits.get(f"paused {each}"))
        full = most is not None and running[gate] >= int(most)
        kind, _, name = gate.partition(":")
        takes_turns = [lane for lane in space["ring"] if lane.split("/", 1)[kind == "key"] == name]
        if not (paused or full or gate in space["resting"] or takes_turns):
            found.append(f"{gate} is open, and nobody lets in the lanes that wait for it")
    return found


def bond_problems(space: Keyspace) -> list[str]:
    """Return what is wrong with deduplication keys and dependencies."""
    found = []
    jobs = set(space["jobs"])
    ended = {job for name in ENDED for job in space[name]}
    owners = {name: entry.split(" ") for name, entry in space["dedup"].items()}
    for name, (owner, mode, _, *following) in owners.items():
        if name.startswith("="):
            continue  # a job that was absorbed, not a key
        if mode != "throttle" and (owner not in jobs or owner in ended):
            found.append(f"{name} is owned by {owner}, which is over")
        found += [f"{name} waits for {job}, which is gone" for job in following if job and job not in jobs]
    pending = Counter(member.partition("|")[0] for member in space["edges"])
    settled = Counter(field.partition("|")[0] for field in space["inputs"])
    for job in space["blocked"]:
        remaining, failing = map(int, space["blocking"].get(job, "0 0").split(" ")[:2])
        if remaining != pending[job] - settled[job]:
            found.append(f"{job} waits for {remaining} jobs, but {pending[job] - settled[job]} have not been told")
        if failing or remaining <= 0:
            found.append(f"{job} is blocked, with {remaining} to wait for and {failing} that failed it")
        if not space["outbox"] and not space["outgoing"]:
            for member in space["edges"]:
                waiting, dependency, *_ = member.split("|")
                other = dependency.partition("/")[2]
                open_edge = waiting == job and f"{job}|{dependency}" not in space["inputs"]
                if open_edge and dependency.startswith(f"{space.queue}/") and (other in ended or other not in jobs):
                    found.append(f"{job} waits for {other}, which is over")
    return found
