"""What an examination of a server and its queues has found, in words."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

Level = Literal["ok", "note", "warning", "error"]
"""How bad it is: all is well; worth knowing; it may do harm, or has left something over; jobs are or will be harmed."""

LEVELS: tuple[Level, ...] = ("ok", "note", "warning", "error")
"""The levels, the worst last."""

EXAMPLES = 10
"""How many ids are named of those of which the same is wrong."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that was found.

    Attributes:
        level: how bad it is.
        code: a word that stays the same, for programs.
        text: what it is, and what to do.
        queue: the queue; None for the server.
        count: of how many jobs, keys or other things it is true.
        repaired: how many of them were repaired.
        examples: some of their ids.
    """

    level: Level
    code: str
    text: str
    queue: str | None = None
    count: int = 1
    repaired: int = 0
    examples: tuple[str, ...] = ()

    @property
    def open(self) -> bool:
        """Whether it is worse than a note, and was not repaired."""
        return LEVELS.index(self.level) > LEVELS.index("note") and self.repaired < self.count


@dataclass(frozen=True, slots=True)
class Checkup:
    """What was found.

    Attributes:
        findings: of the server, then of each queue.
        looked_at: how many entries of each queue were looked at.
    """

    findings: tuple[Finding, ...]
    looked_at: Mapping[str, int]

    @property
    def healthy(self) -> bool:
        """Whether nothing is worse than a note, but for what was repaired."""
        return not any(finding.open for finding in self.findings)


FAULTS: Mapping[str, tuple[Level, str]] = MappingProxyType(
    {
        "lost": ("error", "wait, and lie nowhere: they would never run. --fix puts them into the line"),
        "twice": ("error", "lie in the line more than once, and would run as often. --fix leaves one"),
        "scattered": (
            "error",
            "are in several states at once. --fix leaves them in one: active, else ended, else waiting",
        ),
        "orphan": ("error", "are in a state, but what they are to do is gone. --fix removes what is left of them"),
        "abandoned": (
            "error",
            "are held by a worker that nobody knows: they would stay active. --fix lets them run again",
        ),
        "token": ("error", "have a token that is yet to be given: a restored backup? --fix raises the counter"),
        "unrecorded": ("warning", "have ended, and the record of how is lost. --fix writes that down"),
        "unended": ("warning", "have not ended, but have a record of their end. --fix deletes the record"),
        "misplaced": ("error", "lie in the backlog otherwise than is noted of them. --fix brings it together"),
        "unparked": ("error", "are parked, but no worker would find them. --fix enters them into the index"),
        "unindexed": ("warning", "have failed and are not in the groups of errors. --fix enters them"),
        "ghost": ("warning", "are marked as removed from the line, and do not lie there. --fix deletes the mark"),
        "leftover": ("warning", "are left of jobs, workers or schedules that are gone. --fix deletes them"),
        "line": (
            "error",
            "lie where nobody takes jobs from while the queue is paused or limited, or not. --fix moves them",
        ),
        "bell": ("warning", "lie in the line where none rings. --fix deletes them"),
        "unserved": ("error", "take no turns, and have jobs. --fix lets them take turns"),
        "lane": ("error", "are noted in one way here, in another there. --fix brings it together"),
        "gate": ("error", "are open, and nobody lets in who waits for them. --fix opens them"),
        "slot": ("error", "count as running against a limit and do not run, or the other way round. --fix corrects it"),
        "keyed": ("warning", "are counted wrongly among those of their key. --fix corrects it"),
        "owner": ("error", "belong to jobs that are over, and keep new ones out. --fix gives them free"),
        "heir": ("warning", "are to pass to a job that is gone. --fix forgets it"),
        "untold": ("error", "wait for jobs that are over, and would not be told. --fix tells them"),
        "miscounted": ("error", "wait for another number of jobs than is noted. --fix corrects it"),
        "flow": ("error", "belong to a flow that was neither completed nor given up: remove them, or retry the flow"),
        "headless": ("error", "have lost how they stand. --fix enters them as paused: resume them then"),
        "slotless": ("error", "are active and have no next slot: they would not fire. --fix has it computed"),
        "unanswered": ("warning", "have ended, and somebody still waits for that. --fix tells it"),
        "worker": ("warning", "are registered, and lack their description or are said to be dead. --fix corrects it"),
        "inbox": ("error", "lie in the inbox of a worker that nobody looks after. --fix puts them into the line"),
        "unknown-key": ("note", "are under the name of the queue, and nobody knows them: delete them if you know why"),
        "unregistered": (
            "warning",
            "is not among the names of all queues, so that commands pass over it. --fix enters it",
        ),
        "uncounted": ("note", "wait for more jobs than can be counted at one moment, and were not checked for that"),
    }
)
"""What may be wrong with a queue, by code: how bad it is, and what is said of it after a number of things."""

_THINGS = {
    "leftover": "entry",
    "bell": "bell",
    "unserved": "lane",
    "lane": "lane",
    "gate": "gate",
    "owner": "deduplication key",
    "heir": "deduplication key",
    "headless": "schedule",
    "slotless": "schedule",
    "worker": "worker",
    "unknown-key": "key",
    "line": "entry",
}


@dataclass(slots=True)
class Tally:
    """How often the same was found.

    Attributes:
        open: how often it was not repaired.
        repaired: how often it was.
        examples: some of the ids.
    """

    open: int = 0
    repaired: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, example: str, repaired: bool) -> None:
        """Count one."""
        if repaired:
            self.repaired += 1
        else:
            self.open += 1
        if len(self.examples) < EXAMPLES and example not in self.examples:
            self.examples.append(example)


def finding_of(code: str, queue: str, tally: Tally) -> Finding:
    """Return what is said of a fault."""
    level, text = FAULTS[code]
    count = tally.open + tally.repaired
    if code == "unregistered":
        said = f"the queue {text}"
    else:
        said = f"{count:,} {_plural(_THINGS.get(code, 'job'), count)} {text}"
    return Finding(level, code, said, queue, count, tally.repaired, tuple(tally.examples))


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings in the order of how bad they are."""
    return sorted(findings, key=lambda finding: -LEVELS.index(finding.level))


def _plural(thing: str, count: int) -> str:
    if count == 1:
        return thing
    return thing.removesuffix("y") + "ies" if thing == "entry" else thing + "s"
