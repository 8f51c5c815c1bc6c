"""What ``jobqueue top`` shows, as lines of text: a function of what was read, and of the size of the terminal."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import click

from jobqueue.cli.stats import rate_text
from jobqueue.durations import format_duration
from jobqueue.job import JobState, OutcomeKind
from jobqueue.store.inspect import QueueInfo
from jobqueue.store.snapshot import Snapshot
from jobqueue.store.stats import Stats, Times
from jobqueue.visible import visible

ENDS = (OutcomeKind.COMPLETED, OutcomeKind.FAILED, OutcomeKind.CANCELLED)
"""Outcomes with which a job has ended."""

LEAST_HEIGHT = 5
LEAST_WIDTH = 20


@dataclass(frozen=True, slots=True)
class View:
    """What is to be shown.

    Attributes:
        snapshot: what was read.
        where: the server.
        interval: seconds between two readings; None for a single one.
        arrivals: how many jobs a second were enqueued in each queue, where that is known.
        sort: the column by which queues are sorted; one of ``SORTS``.
        paused: whether no more is read for the moment.
        trouble: what is wrong, if something is.
    """

    snapshot: Snapshot
    where: str
    interval: float | None = None
    arrivals: Mapping[str, float] = field(default_factory=dict)
    sort: str = "name"
    paused: bool = False
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """A text in one style."""

    text: str
    style: Mapping[str, Any] = field(default_factory=dict)


Row = Sequence[Cell]


@dataclass(frozen=True, slots=True)
class _Section:
    """A table with a heading.

    Attributes:
        columns: the headings of the columns; what stands at the right begins with ``>``.
        rows: the cells.
    """

    columns: Sequence[str]
    rows: Sequence[Row]


def ended_per_second(stats: Stats | None) -> float:
    """Return how many jobs ended in a second."""
    if stats is None:
        return 0.0
    seconds = (stats.until - stats.since).total_seconds()
    return sum(stats.outcomes.get(kind, 0) for kind in ENDS) / seconds if seconds > 0 else 0.0


SORTS: Mapping[str, Callable[[View, QueueInfo], Any]] = {
    "name": lambda view, queue: queue.name,
    "waiting": lambda view, queue: -queue.counts[JobState.WAITING],
    "active": lambda view, queue: -queue.counts[JobState.ACTIVE],
    "failed": lambda view, queue: -queue.counts[JobState.FAILED],
    "oldest": lambda view, queue: -(queue.oldest_age or 0),
    "out": lambda view, queue: -ended_per_second(view.snapshot.stats.get(queue.name)),
}
"""By what queues can be sorted; but for the name, the most first."""


def draw(view: View, width: int, height: int | None) -> list[Row]:
    """Return the lines of a frame: as many as there is room for, none wider than there is room for.

    Args:
        view: what is to be shown.
        width: characters of a line.
        height: lines; None for as many as there are to show.
    """
    width = max(LEAST_WIDTH, width)
    head: list[Row] = [_title(view), _summary(view)]
    if view.trouble:
        head.append([Cell(view.trouble, {"fg": "red", "bold": True})])
    foot: list[Row] = [] if view.interval is None else [_keys(view)]
    sections = [section for section in (_queues(view), _workers(view), _running(view), _failing(view)) if section]
    lines = list(head)
    if height is None:
        shares = [len(section.rows) for section in sections]
    else:
        height = max(LEAST_HEIGHT, height)
        lines = lines[: height - len(foot)]
        shares = _shares([len(section.rows) for section in sections], height - len(lines) - len(foot))
    for section, share in zip(sections, shares, strict=True):
        if share > 0:
            lines += _table(section, share)
    if height is not None:
        lines += [[]] * (height - len(foot) - len(lines))
    return [_cut(line, width) for line in (*lines, *foot)]


def plain(line: Row) -> str:
    """Return a line without its colours."""
    return "".join(cell.text for cell in line)


def coloured(line: Row) -> str:
    """Return a line with its colours."""
    return "".join(click.style(visible(cell.text), **cell.style) if cell.style else visible(cell.text) for cell in line)


def _shares(wanted: Sequence[int], room: int) -> list[int]:
    """Return how many rows each section gets: what it needs, or an even share. A heading is two lines."""
    shares = [0] * len(wanted)
    for place in range(len(wanted)):
        if room >= 3:
            room -= 3
            shares[place] = 1
    while room > 0 and any(0 < share < need for share, need in zip(shares, wanted, strict=True)):
        for place, need in enumerate(wanted):
            if room > 0 and 0 < shares[place] < need:
                shares[place] += 1
                room -= 1
    return shares


def _title(view: View) -> Row:
    state = "once" if view.interval is None else f"every {format_duration(view.interval)}"
    queues = view.snapshot.queues
    now = f"  {queues[0].now:%H:%M:%S} UTC" if queues else ""
    paused = [Cell("  PAUSED", {"fg": "yellow", "bold": True})] if view.paused else []
    return [Cell("jobqueue top", {"bold": True}), Cell(f"  {view.where}{now}  {state}"), *paused]


def _summary(view: View) -> Row:
    snapshot = view.snapshot
    counts = {state: sum(queue.counts[state] for queue in snapshot.queues) for state in JobState}
    slots = sum(worker.concurrency for worker in snapshot.workers)
    incoming = f"{rate_text(sum(view.arrivals.values()))} in, " if view.arrivals else ""
    outgoing = rate_text(sum(map(ended_per_second, snapshot.stats.values())))
    workers = len(snapshot.workers)
    cells = [
        Cell(f"{_number(counts[JobState.WAITING])} waiting, {_number(counts[JobState.ACTIVE])}/{slots} active, "),
        Cell(f"{incoming}{outgoing} out, "),
        Cell(f"{workers} worker{'' if workers == 1 else 's'}", {} if workers else {"fg": "yellow"}),
    ]
    if counts[JobState.FAILED]:
        cells += [Cell(", "), Cell(f"{_number(counts[JobState.FAILED])} failed", {"fg": "red"})]
    return cells


def _keys(view: View) -> Row:
    go = "go on" if view.paused else "pause"
    return [Cell(f"q quit  p {go}  s sort (by {view.sort})", {"dim": True})]


def _queues(view: View) -> _Section:
    columns = ["QUEUE", ">WAIT", ">DELAYED", ">BLOCKED", ">ACTIVE", ">FAILED", ">IN", ">OUT", ">OLDEST"]
    columns += [">WAITED p50", ">p95", ">RAN p50", ">p95"]
    states = (JobState.WAITING, JobState.DELAYED, JobState.BLOCKED, JobState.ACTIVE, JobState.FAILED)
    rows = []
    for queue in sorted(view.snapshot.queues, key=lambda queue: (SORTS[view.sort](view, queue), queue.name)):
        stats = view.snapshot.stats.get(queue.name)
        arrivals = view.arrivals.get(queue.name)
        note = " (paused)" if queue.paused else f" ({_number(queue.parked)} parked)" if queue.parked else ""
        name = Cell(queue.name + note, {"fg": "yellow"} if note else {})
        counts = [
            Cell(
                _number(queue.counts[state]), {"fg": "red"} if state is JobState.FAILED and queue.counts[state] else {}
            )
            for state in states
        ]
        rates = ["-" if arrivals is None else rate_text(arrivals), rate_text(ended_per_second(stats))]
        oldest = "-" if queue.oldest_age is None else format_duration(queue.oldest_age)
        times = [*_times(stats.wait if stats else Times()), *_times(stats.run if stats else Times())]
        rows.append([name, *counts, *map(Cell, (*rates, oldest, *times))])
    return _Section(columns, rows or [[Cell("no queue has been used yet")]])


def _workers(view: View) -> _Section:
    rows = []
    more = "" if view.snapshot.complete else "+"
    for worker in sorted(view.snapshot.workers, key=lambda worker: worker.id):
        busy = view.snapshot.busy.get(worker.id, 0)
        full = {"fg": "yellow"} if busy >= worker.concurrency > 0 else {}
        rows.append([Cell(worker.id), Cell(f"{busy}{more}/{worker.concurrency}", full), Cell(",".join(worker.queues))])
    return _Section(["WORKER", ">BUSY", "QUEUES"], rows or [[Cell("no worker is running", {"fg": "yellow"})]])


def _running(view: View) -> _Section | None:
    now = max((queue.now for queue in view.snapshot.queues), default=None)
    rows = [
        [
            Cell(job.id),
            Cell(job.queue),
            Cell(job.task or "?"),
            Cell("-" if now is None else format_duration(max(0.0, (now - job.started_at).total_seconds()))),
            Cell(job.worker),
        ]
        for job in view.snapshot.running
    ]
    return _Section(["RUNNING", "QUEUE", "TASK", ">FOR", "WORKER"], rows) if rows else None


def _failing(view: View) -> _Section | None:
    rows = []
    for stats in sorted(view.snapshot.tasks, key=lambda stats: -_failures(stats)):
        if _failures(stats):
            failed, retried = (
                _number(stats.outcomes.get(kind, 0)) for kind in (OutcomeKind.FAILED, OutcomeKind.RETRIED)
            )
            part = f"{100 * _failures(stats) / stats.executions:.0f} %"
            cells = (Cell(stats.queue), Cell(failed, {"fg": "red"} if failed != "0" else {}), Cell(retried), Cell(part))
            rows.append([Cell("(others)" if stats.task == "*" else stats.task or ""), *cells])
    return _Section(["FAILING TASK", "QUEUE", ">FAILED", ">RETRIED", ">OF ALL"], rows) if rows else None


def _failures(stats: Stats) -> int:
    return stats.outcomes.get(OutcomeKind.FAILED, 0) + stats.outcomes.get(OutcomeKind.RETRIED, 0)


def _times(times: Times) -> list[str]:
    return ["-" if value is None else format_duration(value) for value in (times.p50, times.p95)]


def _number(count: int) -> str:
    """Return a count in at most five characters."""
    for size, letter in ((1_000_000_000, "G"), (1_000_000, "M"), (10_000, "k")):
        if count >= size:
            unit = 1000 if letter == "k" else size
            return f"{count / unit:.1f}{letter}" if count < 10 * unit else f"{count // unit}{letter}"
    return str(count)


def _table(section: _Section, share: int) -> list[Row]:
    """Return an empty line, the headings, and some rows; the last one says how many are not shown."""
    rows = section.rows
    if len(rows) > share:
        shown = max(0, share - 1)
        rows = [*rows[:shown], [Cell(f"… {len(section.rows) - shown} more", {"dim": True})]]
    full = [row for row in rows if len(row) == len(section.columns)]
    headings = [column.removeprefix(">") for column in section.columns]
    widths = [max([len(heading), *(len(row[place].text) for row in full)]) for place, heading in enumerate(headings)]
    lines: list[Row] = [[], [_padded(Cell(heading, {"bold": True}), place, section.columns, widths)
                             for place, heading in enumerate(headings)]]  # fmt: skip
    for row in rows:
        if len(row) == len(headings):
            lines.append([_padded(cell, place, section.columns, widths) for place, cell in enumerate(row)])
        else:
            lines.append(row)
    return lines


def _padded(cell: Cell, place: int, columns: Sequence[str], widths: Sequence[int]) -> Cell:
    right = columns[place].startswith(">")
    text = cell.text.rjust(widths[place]) if right else cell.text
    if place < len(columns) - 1:
        text = text.ljust(widths[place])
    return Cell(("  " if place else "") + text, cell.style)


def _cut(line: Row, width: int) -> Row:
    """Return what fits of a line."""
    cells, left = [], width
    for cell in line:
        text = "".join(letter if letter.isprintable() else "?" for letter in cell.text)[:left]
        if text:
            cells.append(Cell(text, cell.style))
        left -= len(text)
    return cells
