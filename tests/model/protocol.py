"""The claim protocol as a state machine that is explored completely.

What is modelled is what docs/concepts.md describes: workers with leases, BLMOVE into an inbox, one numbered request at
a time that settles and claims and is sent again until its answer arrives, tokens, reaping in steps, tombstones. Every
interleaving is visited, with a budget of faults:

    crash    a process is killed between any two steps; the server may still serve the BLMOVE it had sent
    lost     the server executes a request, and its answer is lost
    expire   a lease runs out although the process lives

In every state:     two   two executions of a job run, and neither's lease ever ran out
                    dup   a job is in two places
                    twice a job has ended twice
                    stale an outcome was accepted from an execution that had lost the job
In every end state: stuck a job has not ended, or something of it is left behind
"""

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

Run = tuple[int, int]  # job, token
Worker = tuple[int, int]  # process, life


class Request(NamedTuple):
    """A request under way: it is sent again until it is answered.

    There is one at a time, so that numbers need only differ from one to the next: here they alternate.
    """

    number: int
    outcomes: frozenset[tuple[int, int, str]]


class Process(NamedTuple):
    """What one process knows."""

    life: int = 0
    up: bool = True
    blocked: bool = False  # a BLMOVE is under way
    runs: frozenset[Run] = frozenset()
    ended: frozenset[tuple[int, int, str]] = frozenset()
    request: Request | None = None
    number: int = 0


class Memory(NamedTuple):
    """What the server remembers of a worker's last request."""

    number: int
    claimed: frozenset[Run]


class State(NamedTuple):
    """Everything: the server's keys, the processes, the faults that are left."""

    wait: tuple[int, ...]
    inbox: frozenset[tuple[Worker, int]]
    active: frozenset[tuple[int, int, Worker]]  # job, token, worker
    leases: frozenset[tuple[Worker, str]]  # live, over (run out), dying (being reaped), tomb
    memory: frozenset[tuple[Worker, Memory]]
    tokens: tuple[int, ...]
    done: tuple[int, ...]
    processes: tuple[Process, ...]
    suspects: frozenset[Worker]  # whose lease ever ran out, or who were ever killed
    orphans: frozenset[Worker]  # killed while blocked: their BLMOVE may still be served
    crash: int
    lost: int
    expire: int
    again: int  # how many executions may end with "again, please"


class Protocol:
    """The steps of the protocol; each safeguard can be switched off, to see that it is needed."""

    def __init__(
        self, jobs: int, *, crash: int, lost: int, expire: int, again: int = 1, slots: int = 2,
        remembers: bool = True, fenced: bool = True, tombstones: bool = True, one_life: bool = True,
    ) -> None:  # fmt: skip
        self.jobs = jobs
        self.budget = (crash, lost, expire, again)
        self.slots = slots
        self.remembers = remembers
        self.fenced = fenced
        self.tombstones = tombstones
        self.one_life = one_life

    def first(self) -> State:
        nothing: frozenset = frozenset()
        return State(
            tuple(range(self.jobs)), nothing, nothing, nothing, nothing, (0,) * self.jobs, (0,) * self.jobs,
            (Process(), Process()), nothing, nothing, *self.budget,
        )  # fmt: skip

    # -- the server --------------------------------------------------------------------------------------------------

    def serve(self, state: State, worker: Worker, request: Request) -> tuple[State, frozenset[Run] | None, bool]:
        """Execute a request; what is claimed is None without a live lease. Also whether a stale outcome was taken."""
        memory = dict(state.memory).get(worker)
        if self.remembers and memory is not None and memory.number == request.number:
            held = frozenset((job, token) for job, token, holder in state.active if holder == worker)
            return state, memory.claimed & held, False
        stale = False
        active, wait, done = set(state.active), state.wait, list(state.done)
        for job, token, outcome in request.outcomes:
            found = next(
                (entry for entry in active if entry[0] == job and (entry[1] == token or not self.fenced)), None
            )
            if found is None:
                continue
            stale |= found[1] != token
            active.remove(found)
            if outcome == "done":
                done[job] += 1
            else:
                wait = (*wait, job)
        state = state._replace(active=frozenset(active), wait=wait, done=tuple(done))
        if dict(state.leases).get(worker) != "live":
            return state, None, stale
        landed = [job for holder, job in state.inbox if holder == worker]
        free = self.slots - sum(holder == worker for _, _, holder in state.active)
        taken = [*landed, *state.wait][: max(0, free)]
        back = tuple(job for job in landed if job not in taken)
        rest = back + tuple(job for job in state.wait if job not in taken)
        tokens = tuple(token + (job in taken) for job, token in enumerate(state.tokens))
        runs = frozenset((job, tokens[job]) for job in taken)
        remembered = {**dict(state.memory), worker: Memory(request.number, runs)}
        return (
            state._replace(
                wait=rest,
                inbox=frozenset(entry for entry in state.inbox if entry[0] != worker),
                active=state.active | {(job, token, worker) for job, token in runs},
                tokens=tokens,
                memory=frozenset(remembered.items()) if self.remembers else frozenset(),
            ),
            runs,
            stale,
        )

    # -- steps -------------------------------------------------------------------------------------------------------

    def steps(self, state: State) -> Iterator[tuple[bool, str, State, bool]]:
        """Yield whether a step is a fault, what it is, where it leads, and whether it took a stale outcome."""
        for index, process in enumerate(state.processes):
            yield from self.process_steps(state, index, process)
        leases = dict(state.leases)
        for worker, lease in leases.items():
            index, life = worker
            process = state.processes[index]
            alive = process.up and process.life == life
            name = f"{index}.{life}"
            if lease == "live" and not alive:
                yield False, f"lease of {name} runs out", self.lease(state, worker, "over"), False
                # A supervisor has seen the process die, and does not wait for that.
                yield False, f"{name} is reaped at once", self.doom(state, worker), False
            elif lease == "live" and state.expire:
                fewer = state._replace(expire=state.expire - 1, suspects=state.suspects | {worker})
                yield True, f"lease of {name} runs out", self.lease(fewer, worker, "over"), False
            elif lease == "over":
                if alive:
                    yield False, f"{name} renews its lease", self.lease(state, worker, "live"), False
                yield False, f"{name} is reaped", self.doom(state, worker), False
            elif lease == "dying":
                yield False, f"{name}: a part is taken back", self.sweep(state, worker), False
            elif lease == "tomb" and any(holder == worker for holder, _ in state.inbox):
                yield False, f"{name}: late arrival is taken back", self.empty_inbox(state, worker), False
        for worker in state.orphans:
            if state.wait:
                moved = state._replace(
                    wait=state.wait[1:], inbox=state.inbox | {(worker, state.wait[0])}, orphans=state.orphans - {worker}
                )
                yield False, f"BLMOVE of the dead {worker} is served", moved, False

    def process_steps(self, state: State, index: int, process: Process) -> Iterator[tuple[bool, str, State, bool]]:
        worker = (index, process.life)
        name = f"{index}.{process.life}"
        lease = dict(state.leases).get(worker)
        if not process.up:
            yield False, f"{name} restarts", self.put(state, index, self.reborn(process)), False
            return
        if state.crash:
            fewer = state._replace(crash=state.crash - 1, suspects=state.suspects | {worker})
            if process.blocked:
                fewer = fewer._replace(orphans=fewer.orphans | {worker})
            yield True, f"{name} is killed", self.put(fewer, index, Process(process.life, up=False)), False
        if lease is None:
            yield False, f"{name} registers", self.lease(state, worker, "live"), False
            return
        if not process.blocked and len(process.runs) < self.slots:
            yield False, f"{name} sends BLMOVE", self.put(state, index, process._replace(blocked=True)), False
        if process.blocked and state.wait:
            moved = state._replace(wait=state.wait[1:], inbox=state.inbox | {(worker, state.wait[0])})
            yield False, f"BLMOVE of {name} is served", self.put(moved, index, process._replace(blocked=False)), False
        for job, token in process.runs:
            for outcome in ("done", "again") if state.again else ("done",):
                fewer = state._replace(again=state.again - (outcome == "again"))
                after = process._replace(
                    runs=process.runs - {(job, token)}, ended=process.ended | {(job, token, outcome)}
                )
                yield False, f"{name} ends job {job}: {outcome}", self.put(fewer, index, after), False
        landed = any(holder == worker for holder, _ in state.inbox)
        free = len(process.runs) < self.slots
        if process.request or process.ended or landed or (state.wait and free):
            # A request is executed when it is sent: one that is still on its way has done nothing yet.
            request = process.request or Request(process.number, process.ended)
            sent = process if process.request else process._replace(ended=frozenset(), number=1 - process.number)
            served, claimed, stale = self.serve(state, worker, request)
            # Without a lease nothing was claimed; the heartbeat says whether it is renewed or the life is over.
            answered = sent._replace(request=None, runs=sent.runs | (claimed or frozenset()))
            yield False, f"{name}'s request is answered", self.put(served, index, answered), stale
            if state.lost:
                fewer = served._replace(lost=state.lost - 1)
                unsure = sent._replace(request=request)
                yield True, f"{name}'s answer is lost", self.put(fewer, index, unsure), stale
        if lease in ("dying", "tomb"):
            yield False, f"{name} learns that it is dead", self.put(state, index, self.reborn(process)), False

    def reborn(self, process: Process) -> Process:
        """Return a process in a new life. It forgets what it ran; a process without the safeguard keeps its name."""
        return Process(life=process.life + 1 if self.one_life else process.life, number=process.number)

    def put(self, state: State, index: int, process: Process) -> State:
        processes = list(state.processes)
        processes[index] = process
        return state._replace(processes=tuple(processes))

    def lease(self, state: State, worker: Worker, lease: str) -> State:
        return state._replace(leases=frozenset({**dict(state.leases), worker: lease}.items()))

    def empty_inbox(self, state: State, worker: Worker) -> State:
        landed = tuple(job for holder, job in state.inbox if holder == worker)
        return state._replace(
            wait=landed + state.wait, inbox=frozenset(entry for entry in state.inbox if entry[0] != worker)
        )

    def doom(self, state: State, worker: Worker) -> State:
        return self.lease(self.empty_inbox(state, worker), worker, "dying")

    def sweep(self, state: State, worker: Worker) -> State:
        """Take one job back; when there is none, the worker is dead for good."""
        held = next((entry for entry in sorted(state.active) if entry[2] == worker), None)
        if held is not None:
            return state._replace(active=state.active - {held}, wait=(held[0], *state.wait))
        buried = state._replace(memory=frozenset(entry for entry in state.memory if entry[0] != worker))
        if self.tombstones:
            return self.lease(buried, worker, "tomb")
        return buried._replace(leases=frozenset(entry for entry in buried.leases if entry[0] != worker))

    def normal(self, state: State) -> State:
        """Return a state without what cannot matter any more, in an order of its own: fewer states to visit."""
        lives = {(index, process.life) for index, process in enumerate(state.processes)}
        busy = {entry[0] for entry in state.inbox} | state.orphans | {entry[2] for entry in state.active}
        leases = frozenset(
            (worker, lease) for worker, lease in state.leases if lease != "tomb" or worker in lives | busy
        )
        known = {worker for worker, _ in leases}
        return state._replace(
            leases=leases,
            memory=frozenset(entry for entry in state.memory if entry[0] in known and entry[0] in lives),
            suspects=state.suspects & lives,
        )

    # -- what must hold ----------------------------------------------------------------------------------------------

    def wrong(self, state: State) -> str | None:
        for job in range(self.jobs):
            holders = [
                (index, process.life)
                for index, process in enumerate(state.processes)
                for run in process.runs
                if run[0] == job
            ]
            if sum(worker not in state.suspects for worker in holders) > 1:
                return "two"
            places = state.wait.count(job) + sum(entry[1] == job for entry in state.inbox)
            places += sum(entry[0] == job for entry in state.active)
            if state.done[job] > 1:
                return "twice"
            if places + state.done[job] != 1:
                return "dup"
        return None

    def unfinished(self, state: State) -> bool:
        return 0 in state.done or bool(state.active or state.inbox or state.wait)


def explore(protocol: Protocol, bound: int = 2_000_000, until: str = "") -> tuple[int, dict[str, list[str]]]:
    """Visit every state; return how many there are, and for each kind of wrong the steps that lead there.

    Args:
        protocol: what is explored.
        bound: how many states there may be.
        until: a kind of wrong; when it is found, that is enough.
    """
    first = protocol.first()
    came_from: dict[State, tuple[State, str] | None] = {first: None}
    queue = deque([first])
    found: dict[str, list[str]] = {}

    def path(state: State, last: str = "") -> list[str]:
        labels = [last] if last else []
        while (step := came_from[state]) is not None:
            state, label = step
            labels.append(label)
        return labels[::-1]

    while queue and until not in found:
        state = queue.popleft()
        wrong = protocol.wrong(state)
        if wrong is not None:
            found.setdefault(wrong, path(state))
            continue
        progress = False
        for fault, label, step, stale in protocol.steps(state):
            after = protocol.normal(step)
            if stale:
                found.setdefault("stale", path(state, label))
            progress |= not fault and after != state
            if after not in came_from:
                came_from[after] = (state, label)
                queue.append(after)
        if not progress and protocol.unfinished(state):
            found.setdefault("stuck", path(state))
        if len(came_from) > bound:
            raise AssertionError(f"more than {bound:,} states: make the model smaller")
    return len(came_from), found
