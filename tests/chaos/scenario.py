"""A fault that is tried, and the row that it adds to the report."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from chaos.arena import Arena
from chaos.verdict import Allowance, Verdict


@dataclass(frozen=True)
class Terms:
    """How a scenario is run.

    Attributes:
        seed: what all that is drawn depends on.
        scale: how many jobs, compared with a full run.
    """

    seed: int
    scale: float = 1.0

    def jobs(self, count: int) -> int:
        """Return how many jobs to run where a full run has ``count``."""
        return max(20, round(count * self.scale))


@dataclass
class Row:
    """What came of a scenario.

    Attributes:
        number: the fault, as in the docs.
        title: what was done.
        verdict: what was found.
        faults: how many faults were injected.
        seconds: how long it took.
        notes: what else was measured.
        error: why it could not be run to its end; empty if it was.
        skipped: why it was not run; empty if it was.
    """

    number: str
    title: str
    verdict: Verdict = field(default_factory=Verdict)
    faults: int = 0
    seconds: float = 0.0
    notes: str = ""
    error: str = ""
    skipped: str = ""


class Skipped(Exception):
    """A scenario cannot be run here, and says why."""


Found = tuple[Verdict, int, str]
"""What a scenario returns: what was found, how many faults there were, what else was measured."""


@dataclass(frozen=True)
class Scenario:
    """A fault, and what tries it."""

    number: str
    title: str
    run: Callable[[Terms], Found]


SCENARIOS: list[Scenario] = []
"""All scenarios, in the order in which they are run."""


def scenario(number: str, title: str) -> Callable[[Callable[[Terms], Found]], Callable[[Terms], Found]]:
    """Enter a function among the scenarios."""

    def enter(run: Callable[[Terms], Found]) -> Callable[[Terms], Found]:
        SCENARIOS.append(Scenario(number, title, run))
        return run

    return enter


def try_out(chosen: Scenario, terms: Terms) -> Row:
    """Run a scenario; what goes wrong with it is in the row."""
    row = Row(chosen.number, chosen.title)
    began = time.monotonic()
    try:
        row.verdict, row.faults, row.notes = chosen.run(terms)
    except Skipped as reason:
        row.skipped = str(reason)
    except Exception as error:  # the other scenarios are run all the same, and it is reported
        row.error = f"{type(error).__name__}: {error}"
    row.seconds = time.monotonic() - began
    return row


def end(arena: Arena, notes: str = "", *, within: float = 60.0, allowance: Allowance | None = None) -> Found:
    """Return what a scenario returns, when all faults have been undone and all jobs have ended."""
    verdict = arena.finish(within=within, allowance=allowance)
    return verdict, arena.faults, notes
