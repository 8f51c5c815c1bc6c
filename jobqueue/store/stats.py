"""Figures: how many executions ended how, how long jobs waited and ran, in each minute and of each task."""

from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from jobqueue.histogram import percentiles
from jobqueue.job import OutcomeKind, moment
from jobqueue.store.call import Argument, Call, run_script
from jobqueue.store.keys import QueueKeys
from jobqueue.store.script import script

KEPT = 86400.0
"""Seconds for which figures are kept."""

MOST_TASKS = 200
"""How many tasks have figures of their own in a minute; those of others are added up."""

OTHERS = "*"
"""What stands for the tasks that are too many to have figures of their own."""

PAGE = 500
"""How many figures, each of a task and a minute, are read with one call."""

By = Literal["queue", "task"]
"""What figures are added up by."""


@dataclass(slots=True)
class Tally:
    """Counts that are added up.

    Attributes:
        outcomes: how many executions ended in each way.
        waited: how many jobs waited for how long, by bucket of ``jobqueue.histogram``.
        ran: how many executions took how long, by bucket.
    """

    outcomes: Counter[OutcomeKind] = field(default_factory=Counter)
    waited: Counter[int] = field(default_factory=Counter)
    ran: Counter[int] = field(default_factory=Counter)

    def to_wire(self) -> str:
        """Return the words that are stored: ``completed:12 w31:5 r12:12``."""
        words = [f"{kind.value}:{count}" for kind, count in self.outcomes.items()]
        words += [f"w{bucket}:{count}" for bucket, count in self.waited.items()]
        words += [f"r{bucket}:{count}" for bucket, count in self.ran.items()]
        return " ".join(words)

    def add_wire(self, words: str) -> None:
        """Add what is stored."""
        for word in words.split():
            name, _, count = word.partition(":")
            if name[0] in "wr" and name[1:].isdigit():
                (self.waited if name[0] == "w" else self.ran)[int(name[1:])] += int(count)
            elif name in _OUTCOMES:
                self.outcomes[OutcomeKind(name)] += int(count)

    def add(self, other: "Tally") -> None:
        """Add another tally."""
        self.outcomes.update(other.outcomes)
        self.waited.update(other.waited)
        self.ran.update(other.ran)


@dataclass(frozen=True, slots=True)
class Times:
    """How long something took, estimated to 6 %.

    Attributes:
        count: how many times were measured.
        p50: seconds that half of them did not exceed; None if there are none, as for the others.
        p95: seconds that 95 % did not exceed.
        p99: seconds that 99 % did not exceed.
    """

    count: int = 0
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None


@dataclass(frozen=True, slots=True)
class Stats:
    """What the workers have done of a queue, or of a task in it, in some time.

    Attributes:
        queue: the queue.
        task: the task; None for all of the queue, ``*`` for those that were too many to be counted one by one.
        since: the beginning of the first minute that is counted.
        until: the server's time when this was read. What workers have measured in the last two seconds may be missing.
        outcomes: how many executions ended in each way.
        wait: from when jobs might have started until they did, of their first executions.
        run: how long executions took, however they ended.
    """

    queue: str
    task: str | None
    since: datetime
    until: datetime
    outcomes: Mapping[OutcomeKind, int]
    wait: Times
    run: Times

    @property
    def executions(self) -> int:
        """How many executions ended."""
        return sum(self.outcomes.values())

    @property
    def per_second(self) -> float:
        """How many executions ended in a second."""
        seconds = (self.until - self.since).total_seconds()
        return self.executions / seconds if seconds > 0 else 0.0


Tallies = dict[tuple[str, str], Tally]
"""Tallies by queue and task."""

Spans = dict[str, tuple[datetime, datetime]]
"""The time that the figures of a queue are of."""


@dataclass(frozen=True, slots=True)
class StatsPage:
    """The reply to ``read_stats``.

    Attributes:
        now: the server's time, in milliseconds.
        minute: the first minute that is counted, since 1970.
        following: where the next page begins; None if this is the last.
        entries: minute, task and words.
    """

    now: int
    minute: int
    following: int | None
    entries: tuple[tuple[int, str, str], ...]


def measure(keys: QueueKeys, source: str, number: int, tallies: Mapping[str, Tally], kept: float = KEPT) -> Call[bool]:
    """Report what a process has measured since its last report; the reply is whether it was not received before.

    Args:
        keys: the queue.
        source: the process: an id that no other has.
        number: raised with each report to this queue.
        tallies: what it has measured, by task.
        kept: seconds for which figures are kept.
    """
    rest: list[Argument] = []
    for task, tally in tallies.items():
        rest += (task, tally.to_wire())
    return run_script(script("measure"), keys, (source, number, round(kept * 1000), MOST_TASKS), bool, rest=rest)


def read_stats(keys: QueueKeys, since: int, offset: int = 0) -> Call[StatsPage]:
    """Read figures.

    Args:
        keys: the queue.
        since: milliseconds before now; of a further page, the first minute.
        offset: 0; then what the page before says.
    """
    return run_script(script("stats"), keys, (since, offset, PAGE), _page)


def gather_stats(
    queues: Sequence[QueueKeys], since: float, by: By
) -> "Generator[list[Call[Any]], list[Any], list[Stats]]":
    """Read figures of queues and add them up: a generator of calls, for ``Connections.follow``.

    Args:
        queues: the queues.
        since: seconds before now. Whole minutes are counted: also the one in which it begins.
        by: whether to add up those of a queue, or of each task in it.
    """
    tallies: Tallies = {}
    spans: Spans = {}
    left = [(keys, round(since * 1000), 0) for keys in queues]
    while left:
        pages: list[StatsPage] = yield [read_stats(*page) for page in left]
        following = []
        for (keys, *_), page in zip(left, pages, strict=True):
            spans.setdefault(keys.queue, (moment(page.minute * 60_000), moment(page.now)))
            add_page(tallies, keys.queue, page)
            if page.following is not None:
                following.append((keys, page.minute, page.following))
        left = following
    return stats_of(tallies, spans, by)


def add_page(tallies: Tallies, queue: str, page: StatsPage) -> None:
    """Add what a page has to the tallies of its queue."""
    for _, task, words in page.entries:
        tallies.setdefault((queue, task), Tally()).add_wire(words)


def stats_of(tallies: Tallies, spans: Spans, by: By) -> list[Stats]:
    """Add tallies up.

    Args:
        tallies: those of tasks.
        spans: of each queue, the time that they are of. A queue without tallies has figures too, of nothing.
        by: what they are added up by.
    """
    found: dict[tuple[str, str | None], Tally] = {}
    if by == "queue":
        found = {(queue, None): Tally() for queue in spans}
    for (queue, task), tally in tallies.items():
        found.setdefault((queue, task if by == "task" else None), Tally()).add(tally)
    return [
        Stats(queue, task, *spans[queue], dict(tally.outcomes), times_of(tally.waited), times_of(tally.ran))
        for (queue, task), tally in sorted(found.items(), key=lambda item: (item[0][0], item[0][1] or ""))
    ]


def times_of(histogram: Mapping[int, int]) -> Times:
    """Return the percentiles of a histogram."""
    if not histogram:
        return Times()
    return Times(sum(histogram.values()), *percentiles(histogram, (0.5, 0.95, 0.99)))


_OUTCOMES = frozenset(OutcomeKind)


def _page(reply: Any) -> StatsPage:
    now, minute, following, *entries = reply
    found = []
    for name, words in zip(*[iter(entries)] * 2, strict=True):
        when, _, task = name.decode().partition("|")
        if task:
            found.append((int(when), task, words.decode()))
    return StatsPage(int(now), int(minute), None if following < 0 else following, tuple(found))
