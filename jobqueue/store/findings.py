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


FAULTS: Mapping[str, tuple[Level, str, str]] = MappingProxyType(
    {
        "lost": ("error", "jobs that wait and lie nowhere", "They would never run. --fix puts them into the line"),
        "twice": ("error", "jobs that lie in the line more than once", "They would run as often. --fix leaves one"),
        "scattered": (
            "error",
            "jobs that are in several states at once",
            "--fix leaves them in one: active, else ended, else waiting",
        ),
        "orphan": ("error", "ids in a state whose job is gone", "They cannot run. --fix removes what is left of them"),
        "abandoned": (
            "error",
            "jobs held by a worker that nobody knows",
            "They would stay active. --fix lets them run again",
        ),
        "token": (
            "error",
            "jobs with a token that is yet to be given",
            "Is this a restored backup? --fix raises the counter",
        ),
        "unrecorded": ("warning", "jobs that have ended without a record of how", "--fix writes that it was lost"),
        "unended": ("warning", "jobs that have a record of their end and have not ended", "--fix deletes the record"),
        "misplaced": ("error", "jobs that lie in the backlog otherwise than is noted", "--fix brings it together"),
        "unparked": ("error", "parked jobs that no worker would find", "--fix enters them into the index"),
        "unindexed": ("warning", "failed jobs that are missing in the groups of errors", "--fix enters them"),
        "ghost": (
            "warning",
            "ids that are marked as withdrawn from the line and are not in it",
            "--fix deletes the mark",
        ),
        "leftover": ("warning", "entries of jobs, workers or schedules that are gone", "--fix deletes them"),
        "line": (
            "error",
            "entries in the list that is not the line now",
            "Nobody takes jobs from it. --fix moves them",
        ),
        "bell": ("warning", "bells in the line where none rings", "--fix deletes them"),
        "unserved": ("error", "lanes that have jobs and take no turns", "--fix lets them take turns"),
        "lane": ("error", "lanes that are open in one place and closed in another", "--fix brings it together"),
        "gate": ("error", "gates that are open and let in nobody who waits", "--fix lets them in"),
        "slot": (
            "error",
            "slots of a limit that do not go with what runs",
            "The limit counts wrongly. --fix gives them back, or takes them",
        ),
        "keyed": ("warning", "jobs that are counted wrongly among those of their key", "--fix corrects it"),
        "owner": ("error", "deduplication keys of jobs that are over", "They keep new jobs out. --fix gives them free"),
        "heir": ("warning", "deduplication keys that are to pass to a job that is gone", "--fix forgets it"),
        "untold": ("error", "jobs that wait for one which is over or will not tell", "--fix has them told"),
        "miscounted": (
            "error",
            "jobs that wait for another number of jobs than is noted",
            "They would start too early, or never. --fix corrects it",
        ),
        "flow": (
            "error",
            "jobs of a flow that was neither completed nor given up",
            "They would wait for ever. Whether they are to run is not known: remove them, and enqueue them again",
        ),
        "headless": (
            "error",
            "schedules that have lost how they stand",
            "--fix enters them as paused: resume them then",
        ),
        "slotless": ("error", "active schedules without a next slot", "They would not fire. --fix has it computed"),
        "unanswered": ("warning", "jobs that have ended while somebody waits for that", "--fix tells it"),
        "worker": ("warning", "workers without a description, or alive and dead at once", "--fix corrects it"),
        "inbox": (
            "error",
            "jobs in the inbox of a worker that nobody looks after",
            "They would never run. --fix puts them into the line",
        ),
        "unknown-key": ("note", "keys under the name of the queue that nobody knows", "Delete them if you know why"),
        "unregistered": (
            "warning",
            "the queue is not among the names of all queues",
            "Commands pass over it. --fix enters it",
        ),
        "uncounted": (
            "note",
            "jobs that wait for more than a thousand others",
            "They could not be counted at one moment",
        ),
    }
)
"""What may be wrong with a queue, by code: how bad it is, what it is, and what to do."""


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
    level, what, remedy = FAULTS[code]
    count = tally.open + tally.repaired
    said = f"{what}. {remedy}" if code == "unregistered" else f"{what}: {count:,}. {remedy}"
    return Finding(level, code, said, queue, count, tally.repaired, tuple(tally.examples))


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings in the order of how bad they are."""
    return sorted(findings, key=lambda finding: -LEVELS.index(finding.level))
