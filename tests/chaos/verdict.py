"""Compares what a ledger says with what is left in Redis: what must hold, whatever was done to the system.

The invariants, by the names that they have in the report:

- I1: each accepted job has ended, once; one that may have been accepted is there once or not at all. Enough of what was
  tried is accepted: a library that refuses everything loses nothing, and is of no use.
- I2: a job that has completed was run to its end, under the token that completed it, and has the result that this
  execution returned; one that has failed was raised in, lost too often, or waited for one that failed. No execution
  that returned is recorded as one that failed.
- I3: two executions of a job overlap only if the earlier one's lease was lost.
- I4: the job was not run any more after its end, which is that of its last execution.
- I5: no job waits for others that have ended.
- I6: every id lies in one place, and nothing is left of workers that are gone: ``tests/audit.py``.
- I7: after the last fault everything ends in time.
- I8: the jobs of a key that run one at a time begin in the order in which they were enqueued, and one at a time.
- I9: no job was tried or lost more often than its limits allow.
"""

import itertools
import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, fields

from audit import Keyspace, problems
from chaos.ledger import Account, Name, Run, digest

from jobqueue.job import Counts, Execution, OutcomeKind

ENDED = ("completed", "failed", "cancelled")
SURE = "sure-"
"""How the ids of jobs begin of which the producer was told that they are more than in memory."""

BEGUN = 1.0
"""Seconds for which a worker may have held a job that it had claimed, and not begun, when the server was struck."""

MOST_LOST = 11
"""How often a job may be lost whose workers held other jobs too; see the guarantees."""

UNDISTURBED = (
    OutcomeKind.RETRIED,
    OutcomeKind.LIMITED,
    OutcomeKind.BLOCKED,
    OutcomeKind.PARKED,
)
"""How an execution ends after which another is no repetition; snoozes are counted, and not recorded."""


@dataclass
class Verdict:
    """What was found.

    Attributes:
        jobs: how many jobs there were.
        lost: accepted jobs of which nothing is there any more (I1).
        stuck: jobs that have not ended (I1, I5, I7).
        overlaps: executions that overlap without a cause (I3).
        leaked: what is left that nobody needs, or lies in the wrong place (I6).
        wrong: everything else (I2, I4, I8, I9).
        repeats: executions that were made again because the one before was lost or interrupted.
        quarantined: jobs that have failed because they were lost too often.
        recovery: the longest time in seconds from a kill or the end of an outage until work went on.
        forgotten: accepted jobs that the server has lost, where nothing else was to be expected.
        unrun: how many of them were never run to their end before they were lost.
        accepted: jobs of which the producer was told that they are there.
        refused: jobs whose producer was told nothing, or no.
    """

    jobs: int = 0
    lost: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    overlaps: list[str] = field(default_factory=list)
    leaked: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    repeats: int = 0
    quarantined: int = 0
    recovery: float = 0.0
    forgotten: int = 0
    unrun: int = 0
    accepted: int = 0
    refused: int = 0

    @property
    def problems(self) -> list[str]:
        """All that must not be."""
        found = []
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, list):
                found += [f"{each.name}: {text}" for text in value]
        return found


@dataclass(frozen=True)
class Allowance:
    """What a scenario has to put up with.

    Attributes:
        forgetful: seconds before a fault in which the server may lose what it has acknowledged: jobs that were accepted
            in them may be gone, and what is known of executions that began in them too. Accepted jobs whose id begins
            with ``SURE`` may not: their producer asked for more.
        runs: the same for executions, where it differs.
        pruned: whether ended jobs are deleted after a while: an accepted job may be gone that was run to its end.
        cut_off: whether a primary was cut off, and its writes are gone: jobs may be gone whose enqueue raised, though
            they ran.
        drained: whether jobs are deleted by hand.
        cancelled: whether jobs are cancelled, or expire.
        attempts: how often a job may fail.
        in_order: the jobs of a key that run one at a time, in the order in which one producer's enqueues have returned.
        in_turn: all jobs of a key that run one at a time.
        least_accepted: which share of the jobs that were tried must have been accepted.
        seen: whether producers may see the fault: if not, no enqueue may raise.
        others: how the ids of jobs begin that no producer has enqueued: those of schedules, and what jobs enqueue.
    """

    forgetful: float = 0.0
    runs: float | None = None
    pruned: bool = False
    cut_off: bool = False
    drained: bool = False
    cancelled: bool = False
    attempts: int = 4
    in_order: Sequence[Sequence[Name]] = ()
    in_turn: Sequence[Collection[Name]] = ()
    least_accepted: float = 0.5
    seen: bool = True
    others: tuple[str, ...] = ("tick:",)

    def forgets(self, account: Account, begun: int, accepted: int) -> bool:
        """Return whether the server may have lost a job whose enqueue took from one time to another."""
        if not self.forgetful:
            return False
        return any(struck - self.forgetful * 1e9 <= accepted and begun <= struck for struck in account.struck)

    def forgets_run(self, account: Account, started: int) -> bool:
        """Return whether the server may have lost what it knew of an execution that began at a time."""
        before = self.forgetful if self.runs is None else self.runs
        if not before:
            return False
        return any(struck - before * 1e9 <= started <= struck + BEGUN * 1e9 for struck in account.struck)


def judge(account: Account, spaces: Iterable[Keyspace], allowance: Allowance = Allowance()) -> Verdict:
    """Compare a ledger with what is left in Redis when everything should have ended."""
    verdict = Verdict()
    found: set[Name] = set()
    lost: dict[Name, set[int]] = {}
    for space in spaces:
        verdict.leaked += [f"{space.queue}: {text}" for text in problems(space)]
        verdict.leaked += [f"{space.queue}: {worker} left an inbox" for worker, ids in space.inboxes.items() if ids]
        found |= {(space.queue, job) for job in space["jobs"]}
        _judge_queue(verdict, account, space, allowance, lost)
    for name in list(account.runs):
        _judge_runs(verdict, account, name, lost.get(name, set()), allowance)
        if name not in account.accepted and name not in account.unknown and not name[1].startswith(allowance.others):
            verdict.wrong.append(f"I1: {name} was run, and nobody has enqueued it")
    _judge_missing(verdict, account, found, allowance)
    _judge_producers(verdict, account, allowance)
    verdict.jobs = len(found | account.accepted.keys())
    for ids in allowance.in_order:
        _judge_order(verdict, account, ids, allowance)
    for ids in allowance.in_turn:
        _judge_turns(verdict, account, ids, lost, allowance)
    verdict.recovery = _recovery(account)
    return verdict


def _judge_missing(verdict: Verdict, account: Account, found: set[Name], allowance: Allowance) -> None:
    # One that was run was enqueued, whatever its producer was told.
    unknown = set() if allowance.cut_off else account.unknown
    started = {name: runs[0].started for name, runs in account.runs.items() if name in unknown}
    for name, at in sorted({**started, **account.accepted}.items()):
        if name in found or allowance.drained:
            continue
        returned = any(run.how == "returned" for run in account.runs.get(name, []))
        if allowance.pruned and returned:
            continue
        sure = name[1].startswith(SURE) and name in account.accepted
        if not sure and allowance.forgets(account, account.begun.get(name, at), at):
            verdict.forgotten += 1
            verdict.unrun += not returned
        else:
            verdict.lost.append(f"{'/'.join(name)} was accepted")


def _judge_producers(verdict: Verdict, account: Account, allowance: Allowance) -> None:
    verdict.accepted, verdict.refused = len(account.accepted), len(account.unknown)
    tried = verdict.accepted + verdict.refused
    if verdict.accepted < allowance.least_accepted * tried:
        verdict.wrong.append(
            f"I1: {verdict.accepted} of {tried} jobs were accepted, less than {allowance.least_accepted:.0%}"
        )
    if verdict.refused and not allowance.seen:
        verdict.wrong.append(f"I1: the enqueues of {verdict.refused} jobs have raised, and none was to notice anything")


def _judge_order(verdict: Verdict, account: Account, ids: Sequence[Name], allowance: Allowance) -> None:
    begun = [(account.runs[name][0].started, name) for name in ids if account.runs.get(name)]
    for (earlier, first), (later, second) in itertools.pairwise(begun):
        if earlier > later and not allowance.forgets_run(account, later):
            verdict.wrong.append(f"I8: out of order: {second} began before {first}")


def _judge_turns(
    verdict: Verdict, account: Account, ids: Collection[Name], lost: dict[Name, set[int]], allowance: Allowance
) -> None:
    runs = [(run, name) for name in ids for run in account.runs.get(name, [])]
    last: tuple[Run, Name] | None = None
    for run, name in sorted(runs, key=lambda each: each[0].started):
        if last is not None and last[1] != name:
            other, owner = last
            excused = other.token in lost.get(owner, set()) or _either_forgotten(account, other, run, allowance)
            if (other.ended or other.started) > run.started and not excused:
                verdict.overlaps.append(f"I8: {name}: {run} while {owner}, of the same key: {other}")
        if last is None or (run.ended or run.started) > (last[0].ended or last[0].started):
            last = run, name


def _either_forgotten(account: Account, one: Run, other: Run, allowance: Allowance) -> bool:
    return allowance.forgets_run(account, one.started) or allowance.forgets_run(account, other.started)


def _judge_queue(
    verdict: Verdict, account: Account, space: Keyspace, allowance: Allowance, lost_tokens: dict[Name, set[int]]
) -> None:
    ended = {job: state for state in ENDED for job in space[state]}
    staged = {member.rpartition("|")[2] for member in space["staging"]}
    for job in space["jobs"]:
        name = (space.queue, job)
        counts, history = _attempts(space["attempts"].get(job, ""))
        runs = account.runs.get(name, [])
        lost = lost_tokens[name] = {each.token for each in history if each.outcome is OutcomeKind.LOST}
        state = ended.get(job)
        accepted = account.accepted.get(name)
        may_be_gone = accepted is None or allowance.forgets(account, account.begun[name], accepted)
        if state is None and job in staged and may_be_gone:
            # Of a flow that was never completed, or whose completion the server has lost: its time will be over.
            verdict.forgotten += accepted is not None
            continue
        if state is None:
            places = ("active", "delayed", "blocked", "parked")
            place = next((place for place in places if job in space[place]), "waiting")
            verdict.stuck.append(f"{space.queue}/{job} is {place} {space['parked'].get(job, '')}")
            continue
        ending = Execution.parse(space["outcomes"][job].encode())
        # A job that is given up has its last execution as its ending.
        given_up = ending.error_type == "WorkerLost"
        lost |= {ending.token} if given_up else set()
        verdict.quarantined += given_up
        undisturbed = sum(each.outcome in UNDISTURBED for each in history) + counts.snoozed
        verdict.repeats += max(0, len(runs) - 1 - undisturbed)
        returned = any(run.token == ending.token and run.how == "returned" for run in runs)
        raised = any(run.token == ending.token and run.how == "raised" for run in runs)
        if state == "completed" and not returned:
            verdict.wrong.append(f"I2: {name} has completed, but no execution {ending.token} returned")
        if state == "completed" and any(
            run.token == ending.token and run.result and run.result != digest(json.loads(ending.result)) for run in runs
        ):
            verdict.wrong.append(f"I2: {name} has completed with {ending.result[:80]!r}, which is not what it returned")
        charged = {each.token for each in history if each.outcome in (OutcomeKind.RETRIED, OutcomeKind.FAILED)}
        charged |= {ending.token} if state == "failed" and not given_up else set()
        for run in runs:
            if run.how == "returned" and run.token in charged:
                verdict.wrong.append(f"I2: {name}: execution {run.token} returned, and is recorded as one that failed")
        if state == "failed" and not (raised or given_up or ending.error_type == "DependencyFailed"):
            verdict.wrong.append(f"I2: {name} has failed without a cause: {ending.error_type}: {ending.message}")
        if state == "cancelled" and not allowance.cancelled:
            verdict.wrong.append(f"I2: {name} is cancelled, and nobody has cancelled it")
        # A job that is cancelled or expires between two executions ends with neither's token; snoozes are not recorded.
        last = ending.token or max((each.token for each in history), default=0)
        unrecorded = 0 if ending.token else counts.snoozed
        known = [run for run in runs if not allowance.forgets_run(account, run.started)]
        if sum(run.token > last for run in known) > unrecorded:
            verdict.wrong.append(f"I4: {name} has ended with {last}, and later tokens ran")
        if counts.failures > allowance.attempts or counts.lost > MOST_LOST:
            verdict.wrong.append(f"I9: {name}: {counts}")


def _judge_runs(verdict: Verdict, account: Account, name: Name, lost: set[int], allowance: Allowance) -> None:
    # An execution without an end is one of a process that is gone. Of one that crashed by itself the ledger does not
    # know when: it cannot have been later than what others did there.
    for earlier, later in itertools.pairwise(sorted(account.runs[name], key=lambda run: run.token)):
        if earlier.token == later.token:
            verdict.overlaps.append(f"{name} was run twice under token {earlier.token}")
        elif (
            (earlier.ended or earlier.started) > later.started
            and earlier.token not in lost
            and not _either_forgotten(account, earlier, later, allowance)
        ):
            verdict.overlaps.append(f"{name}: {later} while {earlier}")


def _recovery(account: Account) -> float:
    """Return the longest time that it took until what was interrupted went on, in seconds."""
    longest = 0
    for runs in account.runs.values():
        for earlier, later in itertools.pairwise(runs):
            if earlier.ended is not None and not earlier.how:
                longest = max(longest, later.started - earlier.ended)
    for healed in account.healed:
        after = min((at for at in account.signs if at > healed), default=healed)
        longest = max(longest, after - healed)
    return longest / 1e9


def _attempts(text: str) -> tuple[Counts, list[Execution]]:
    counts, *history = text.split("\n")
    return Counts.parse(counts.encode()), [Execution.parse(line.encode()) for line in history]
