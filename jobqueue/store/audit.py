"""An audit of a queue while it is at work: what must always hold of its keys, looked at some entries at a time.

Each entry is decided by look-ups within one call of a script, at one moment, so that jobs which move give no false
alarm. Only whether a job lies in the line cannot be looked up. So the jobs that lie nowhere else are candidates. The
line is read from the left, where jobs come in, so that none which stays is passed over, and takes candidates away.
What is left after several readings the server looks for, in the whole line and all inboxes at one moment.
"""

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from jobqueue.errors import ServerError, ServerUnavailable
from jobqueue.outcome import Interrupted
from jobqueue.store.call import Call, run_command, run_script
from jobqueue.store.claims import enlist, reap
from jobqueue.store.findings import Checkup, Finding, Tally, finding_of, worst_first
from jobqueue.store.health import examine_server
from jobqueue.store.inspect import queue_names
from jobqueue.store.keys import KEYS, QueueKeys, queue_keys
from jobqueue.store.script import script

PAGE = 100
"""About how many entries one call looks at."""

PAGE_BYTES = 1024 * 1024
"""Bytes of values that one call goes through: pages of large ones have fewer entries."""

WALK = 1000
"""How many ids of the line are read at once when candidates are taken away."""

CANDIDATES = 250_000
"""How many candidates are kept in memory: the line is read once for so many."""

READINGS = 3
"""How often the line is read before the server looks for what was not met."""

LOOKED_UP = 50
"""How many ids the server looks for in one call, or fewer if the line is long."""

ROUNDS = 5
"""How often a queue is gone through at most, until there is nothing left to repair."""

# What is found of lanes and of the backlog explains why a job lies nowhere else; so it comes before the jobs.
PLACES = (
    *("names", "workers", "worker_info", "claims", "orders", "declaring", "backlog", "parking", "line", "inbox"),
    *("jobs", "active", "delayed", "blocked", "parked", "completed", "failed", "cancelled", "ghosts"),
    *(
        "outcomes",
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
    ),
    *("expiring", "cancelling", "waiters", "fingerprints", "keyed", "slots", "ring", "closed", "gated", "dedup"),
    *("edges", "schedules", "firings", "fired", "outstanding", "upcoming"),
)
"""What is looked at, in this order."""

T = TypeVar("T")
Steps = Generator[list[Call[Any]], list[Any], T]
Progress = Callable[[str, int, int], None]
"""Is told of a queue, how many entries were looked at, and how many there were at the beginning."""


class Fault(NamedTuple):
    """Something that a script has found.

    Attributes:
        code: what it is.
        id: of which job or other thing.
        detail: what belongs to it.
        repaired: whether it was mended.
    """

    code: str
    id: str
    detail: str
    repaired: bool


class AuditPage(NamedTuple):
    """The reply to ``audit``.

    Attributes:
        cursor: where the next page begins; ``"0"`` if this is the last.
        entries: how many entries it had.
        size: how many bytes their values had.
        skipped: how many could not be decided.
        faults: what was found.
    """

    cursor: str
    entries: int
    size: int
    skipped: int
    faults: tuple[Fault, ...]


class Names(NamedTuple):
    """The keys that there are under a prefix.

    Attributes:
        inboxes: by queue, the workers that have an inbox.
        unknown: by queue, the keys that nobody knows.
    """

    inboxes: dict[str, set[str]]
    unknown: dict[str, set[str]]


@dataclass(frozen=True, slots=True)
class Audit:
    """What the audit of a queue has found.

    Attributes:
        findings: what was found, the worst first.
        looked_at: how many entries were looked at.
    """

    findings: tuple[Finding, ...]
    looked_at: int


def audit(
    keys: QueueKeys, place: str, cursor: str, count: int, *, fix: bool = False, worker: str = ""
) -> Call[AuditPage]:
    """Look at a page of a structure; with ``fix``, mend in the same call what is wrong.

    Args:
        keys: the queue.
        place: the structure: one of ``PLACES``.
        cursor: ``"0"``, or the cursor of the page before.
        count: about how many entries.
        fix: whether to mend.
        worker: whose inbox is meant by ``inbox``.
    """
    return run_script(script("repair" if fix else "audit"), keys, (place, cursor, count), _page, worker=worker)


def lookup(
    keys: QueueKeys, ids: Sequence[str], workers: Sequence[str], *, fix: bool = False
) -> Call[tuple[int, tuple[Fault, ...]]]:
    """Look for ids in the whole line and all inboxes; with ``fix``, mend in the same call what is wrong.

    The reply is how many were looked for, the first ones, or -1 if there are more workers, and what was found. The
    server does nothing else while it goes through the line, so that this is for few ids.

    Args:
        keys: the queue.
        ids: the ids.
        workers: all workers and tombstones that there are.
        fix: whether to mend.
    """

    def read(reply: Any) -> tuple[int, tuple[Fault, ...]]:
        return int(reply[0]), tuple(fault for fault in _faults(reply[1:]) if fault.code != "sound")

    return run_script(
        script("restore" if fix else "lookup"), keys, (" ".join(ids),), read, workers=workers, rest=workers
    )


def walk(keys: QueueKeys, offset: int) -> Call[tuple[int, list[bytes]]]:
    """Read ids of the line, from the left; the reply is how many it has, and the ids."""
    return run_script(script("walk"), keys, (offset, WALK), lambda reply: (int(reply[0]), reply[1:]))


def overdue(keys: QueueKeys, queue: str, edges: Iterable[tuple[str, str, str]]) -> Call[set[tuple[str, str, str]]]:
    """Find jobs of another queue that wait for jobs of this one, and will not be told of their end.

    Args:
        keys: this queue.
        queue: the other queue.
        edges: the id there, the id here, and the policy.
    """

    def read(reply: Any) -> set[tuple[str, str, str]]:
        words = [text.decode() for text in reply]
        return set(zip(words[0::3], words[1::3], words[2::3], strict=True))

    return run_script(script("overdue"), keys, (queue,), read, rest=[word for edge in edges for word in edge])


def find_names(prefix: str) -> Steps[Names]:
    """Find all keys under a prefix: a generator of calls."""
    found = Names({}, {})
    head, cursor = f"{{{prefix}:", "0"
    while True:
        call = run_command("SCAN", cursor, "MATCH", f"{head}*", "COUNT", 1000, read=_scanned, repeatable=True)
        [(cursor, names)] = yield [call]
        for name in names:
            queue, closed, short = name.removeprefix(head).partition("}:")
            if not closed:
                continue
            found.inboxes.setdefault(queue, set())
            if short.startswith("inbox:"):
                found.inboxes[queue].add(short.removeprefix("inbox:"))
            elif short not in KEYS:
                found.unknown.setdefault(queue, set()).add(name)
        if cursor == "0":
            return found


def audit_queue(keys: QueueKeys, names: Names, fix: bool, progress: Progress) -> Steps[Audit]:
    """Go through a queue: a generator of calls, for ``Connections.follow``.

    With ``fix`` it is gone through again until nothing is repaired any more: what is mended may bring to light what lay
    behind it.

    Args:
        keys: the queue.
        names: the keys that there are, of all queues.
        fix: whether to mend what is wrong.
        progress: see ``Progress``.
    """
    repaired: dict[str, Tally] = {}
    looked_at = 0
    for _ in range(ROUNDS if fix else 1):
        auditor = _Auditor(keys, names, fix, progress)
        yield from auditor.steps()
        looked_at = max(looked_at, auditor.looked_at)
        for code, tally in auditor.tallies.items():
            whole = repaired.setdefault(code, Tally())
            whole.repaired += tally.repaired
            whole.examples += [
                text for text in tally.examples if text not in whole.examples and len(whole.examples) < 10
            ]
        left = auditor.tallies
        if not any(tally.repaired for tally in left.values()):
            break
    for code, tally in repaired.items():
        tally.open = left[code].open if code in left else 0
    findings = [finding_of(code, keys.queue, tally) for code, tally in repaired.items() if tally.open + tally.repaired]
    return Audit(tuple(worst_first(findings)), looked_at)


class _Auditor:
    """Goes through a queue once.

    Attributes:
        tallies: what was found, by code.
        looked_at: how many entries were looked at.
    """

    def __init__(self, keys: QueueKeys, names: Names, fix: bool, progress: Progress) -> None:
        self.tallies: dict[str, Tally] = {}
        self.looked_at = 0
        self._keys = keys
        self._names = names
        self._fix = fix
        self._progress = progress
        self._total = 0
        self._workers: list[str] = []
        self._explained: set[str] = set()
        self._foreign: set[tuple[str, str]] = set()
        self._haunted: list[str] = []

    def steps(self) -> Steps[None]:
        """Go through all that is stored of it."""
        sizes = yield [_size(self._keys, place) for place in PLACES if place in KEYS and KEYS[place][0] in _SIZES]
        self._total = sum(sizes)
        yield from self._find_workers()
        yield from self._inboxes_of_strangers()
        for place in PLACES:
            for worker in self._workers if place == "inbox" else [""]:
                yield from self._go_through(place, worker)
        yield from self._check_foreign()
        for name in self._names.unknown.get(self._keys.queue, ()):
            self._count(Fault("unknown-key", name, "", False))

    def _go_through(self, place: str, worker: str) -> Steps[None]:
        count = most = PAGE // 5 if place == "blocked" else PAGE
        candidates: set[bytes] = set()
        cursor, moved = "0", True
        while moved:
            [page] = yield [audit(self._keys, place, cursor, count, fix=self._fix, worker=worker)]
            cursor = page.cursor
            self.looked_at += page.entries
            for fault in page.faults:
                self._take(place, fault, candidates)
            if page.skipped:
                self.tallies.setdefault("uncounted", Tally()).open += page.skipped
            if len(candidates) >= CANDIDATES:
                yield from self._look_for(candidates)
                candidates.clear()
            self._progress(self._keys.queue, self.looked_at, max(self._total, self.looked_at))
            count = max(1, min(most, 2 * count, PAGE_BYTES * count // max(1, page.size)))
            # What lies under the wrong name is moved a hundred at a time.
            moved = cursor != "0" or (place == "names" and any(fault.repaired for fault in page.faults))
        if candidates:
            yield from self._look_for(candidates)
        if self._haunted:
            yield from self._look_up(self._haunted)
            self._haunted = []

    def _take(self, place: str, fault: Fault, candidates: set[bytes]) -> None:
        if fault.code == "nowhere" or (place == "ghosts" and fault.code == "ghost"):
            # What waits as a ghost would be met in the line, and passed over there: the server looks for it.
            if fault.detail == "ghost":
                self._haunted.append(fault.id)
            elif fault.id not in self._explained:
                candidates.add(fault.id.encode())
        elif fault.code == "foreign":
            self._foreign.add((fault.id, fault.detail))
        else:
            if place == "backlog" and not fault.repaired:
                self._explained.add(fault.id)
            self._count(fault)

    def _count(self, fault: Fault) -> None:
        example = f"{fault.id} ({fault.detail})" if fault.code in _DETAILED and fault.detail else fault.id
        self.tallies.setdefault(fault.code, Tally()).add(example, fault.repaired)

    def _look_for(self, candidates: set[bytes]) -> Steps[None]:
        """Find those that lie nowhere, or twice in the line."""
        suspects = candidates
        for _ in range(READINGS):
            met: Counter[bytes] = Counter()
            offset, length = 0, 0
            while True:
                [(length, ids)] = yield [walk(self._keys, offset)]
                met.update(
                    suspects.intersection(ids) if len(set(ids)) == len(ids) else filter(suspects.__contains__, ids)
                )
                offset += len(ids)
                if len(ids) < WALK:
                    break
            for inbox in (yield [_inbox(self._keys, worker) for worker in self._workers]) if self._workers else ():
                met.update(filter(suspects.__contains__, inbox))
            suspects = {job_id for job_id in suspects if met[job_id] != 1}
            if not suspects or length <= WALK:
                break
        yield from self._look_up([job_id.decode() for job_id in suspects])

    def _look_up(self, left: list[str]) -> Steps[None]:
        """Have the server look for them, in the whole line and all inboxes at one moment."""
        while left:
            [(count, faults)] = yield [lookup(self._keys, left[:LOOKED_UP], self._workers, fix=self._fix)]
            if count < 0:
                yield from self._find_workers()
                continue
            for fault in faults:
                self._count(fault)
            left = left[count:]

    def _find_workers(self) -> Steps[None]:
        registered, buried = yield [_members(self._keys, name) for name in ("workers", "tombstones")]
        # Those without a registration too: jobs that lie in their inboxes are not lost.
        self._workers = sorted({*registered, *buried, *self._names.inboxes.get(self._keys.queue, ())})

    def _inboxes_of_strangers(self) -> Steps[None]:
        # An inbox that was there before the workers were read, and is of none of them: a worker registers before its
        # first job, and its tombstone stays for minutes.
        registered, buried = yield [_members(self._keys, name) for name in ("workers", "tombstones")]
        for worker in sorted(self._names.inboxes.get(self._keys.queue, set()) - registered - buried):
            [ids] = yield [_inbox(self._keys, worker)]
            while ids and self._fix:
                yield [reap(self._keys, worker, Interrupted("its worker was not registered any more"))]
                [left] = yield [_inbox(self._keys, worker)]
                for job_id in ids[: len(ids) - len(left)]:
                    self._count(Fault("inbox", job_id.decode(), "", True))
                ids = left if len(left) < len(ids) else []
            for job_id in ids:
                self._count(Fault("inbox", job_id.decode(), "", False))

    def _check_foreign(self) -> Steps[None]:
        """Find those that wait for a job of another queue, and will not be told of its end.

        That queue had been told to tell. If the job there is over, and nothing is on its way, and after that it has
        still not been heard of here, then it was lost on the way.
        """
        own = self._keys
        by_queue: dict[str, set[tuple[str, str, str]]] = {}
        for job_id, detail in self._foreign:
            dependency, _, policy = detail.rpartition("|")
            queue, _, other = dependency.partition("/")
            by_queue.setdefault(queue, set()).add((job_id, other, policy))
        for queue, edges in by_queue.items():
            others = queue_keys(own.prefix, queue)
            ordered = sorted(edges)
            for at in range(0, len(ordered), PAGE):
                late = ordered[at : at + PAGE]
                # Twice: a job that ran again meanwhile has taken back what it had told.
                for _ in range(2):
                    if late:
                        [found] = yield [overdue(others, own.queue, late)]
                        late = sorted(found)
                    if late:
                        heard = yield [_heard(own, job_id, queue, other) for job_id, other, _ in late]
                        waits = yield [_waits(own, job_id) for job_id, _, _ in late]
                        late = [edge for edge, *said in zip(late, heard, waits, strict=True) if said == [False, True]]
                for job_id, other, policy in late:
                    if self._fix:
                        message = f"{queue} link {other} {own.queue}/{job_id} {policy}"
                        yield [run_command("HSET", own["outgoing"], message, "", read=int, repeatable=True)]
                        yield [run_command("PUBLISH", own["control"], "relay", read=int, repeatable=True)]
                    self._count(Fault("untold", job_id, f"{queue}/{other}", self._fix))


_DETAILED = frozenset({"scattered", "orphan", "abandoned", "leftover", "slot", "owner", "heir", "untold"})

_SIZES = {"hash": "HLEN", "zset": "ZCARD", "set": "SCARD", "list": "LLEN"}


def _size(keys: QueueKeys, place: str) -> Call[int]:
    return run_command(_SIZES[KEYS[place][0]], keys[place], read=int, repeatable=True)


def _members(keys: QueueKeys, name: str) -> Call[set[str]]:
    return run_command(
        "ZRANGE", keys[name], 0, -1, read=lambda reply: {member.decode() for member in reply}, repeatable=True
    )


def _inbox(keys: QueueKeys, worker: str) -> Call[list[bytes]]:
    return run_command("LRANGE", keys.inbox(worker), 0, -1, read=list, repeatable=True)


def _heard(keys: QueueKeys, job_id: str, queue: str, other: str) -> Call[bool]:
    return run_command("HEXISTS", keys["inputs"], f"{job_id}|{queue}/{other}", read=bool, repeatable=True)


def _waits(keys: QueueKeys, job_id: str) -> Call[bool]:
    return run_command("ZSCORE", keys["blocked"], job_id, read=lambda score: score is not None, repeatable=True)


def _scanned(reply: Any) -> tuple[str, list[str]]:
    cursor, names = reply
    return (cursor.decode() if isinstance(cursor, bytes) else str(cursor)), [name.decode() for name in names]


def _page(reply: Any) -> AuditPage:
    cursor, entries, size, skipped, *faults = reply
    return AuditPage(cursor.decode(), int(entries), int(size), int(skipped), tuple(_faults(faults)))


def _faults(words: Sequence[Any]) -> Iterable[Fault]:
    for code, subject, detail, repaired in zip(*[iter(words)] * 4, strict=True):
        yield Fault(code.decode(), subject.decode(errors="replace"), detail.decode(errors="replace"), bool(repaired))


def checkup(prefix: str, registry: str, queue: str | None, fix: bool, progress: Progress) -> Steps[Checkup]:
    """Look at the server, and go through queues: a generator of calls, for ``Connections.follow``.

    Args:
        prefix: what keys begin with.
        registry: the key with the names of all queues.
        queue: the only queue to go through; all of them if it is None.
        fix: whether to repair what is wrong. Nothing is repaired on a replica.
        progress: see ``Progress``.
    """
    findings = yield from examine_server()
    fix = fix and not any(finding.code == "role" and finding.level == "error" for finding in findings)
    try:
        names = yield from find_names(prefix)
    except ServerUnavailable:
        raise
    except ServerError:
        text = "SCAN is refused to this user: keys that nobody knows, and inboxes of nobody, could not be looked for"
        findings.append(Finding("note", "unseen", text))
        names = Names({}, {})
    [known] = yield [queue_names(registry)]
    looked_at = {}
    for name in [queue] if queue else sorted({*known, *names.inboxes}):
        keys = queue_keys(prefix, name)
        audited = yield from audit_queue(keys, names, fix, progress)
        found, looked_at[name] = list(audited.findings), audited.looked_at
        if name not in known:
            [there] = yield [run_command("EXISTS", keys["jobs"], read=bool, repeatable=True)]
            if there and fix:
                yield [enlist(registry, name)]
            if there:
                found.append(finding_of("unregistered", name, Tally(int(not fix), int(fix))))
        findings += found
    return Checkup(tuple(findings), looked_at)
