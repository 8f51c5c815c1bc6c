"""The report of the figures that are kept: Markdown for the docs, with plots."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from case import Case, Column
from contenders import CONTENDERS, Contender
from figures import Result, RowResult
from plot import Bar, bars

MARK = "<!-- What follows is written by make bench REPORT=docs/benchmarks.md -->\n"
CALM = 20.0
"""Per cent of the machine that was in use before a figure, above which it is said."""

BY_KEY = {each.key: each for each in CONTENDERS}


@dataclass(frozen=True)
class Cell:
    """A figure of a row.

    Attributes:
        median: of all rounds.
        least: of all rounds.
        most: of all rounds.
    """

    median: float
    least: float
    most: float


def cell(row: RowResult, column: Column) -> Cell | None:
    """Return a figure of a row, if it has it."""
    values = [figures[column.key] for figures in row.rounds if column.key in figures]
    return Cell(statistics.median(values), min(values), max(values)) if values else None


def sorted_rows(case: Case, result: Result, column: Column) -> list[RowResult]:
    """Return the rows of a case, the best one of a column first; those of our own variants in their order."""
    there = [row for row in result.rows if row.rounds]
    if column.more_is_better is None or case.baseline != "jobqueue":
        return there
    sign = -1 if column.more_is_better else 1

    def place(row: RowResult) -> tuple[bool, float]:
        found = cell(row, column)
        return found is None, sign * found.median if found else 0

    return sorted(there, key=place)


def as_markdown(results: Mapping[str, Result], cases: Sequence[Case], plots: str) -> str:
    """Return the report.

    Args:
        results: what came of the cases, by their names.
        cases: all of them, in their order.
        plots: the folder of the plots, seen from the report.
    """
    lines = [*_about(results), ""]
    for case in cases:
        if case.name in results:
            lines += _section(case, results[case.name], plots)
    return "\n".join(lines) + "\n"


def _about(results: Mapping[str, Result]) -> list[str]:
    some = list(results.values())
    where = " / ".join(dict.fromkeys(f"{each.machine}, {each.server}" for each in some))
    versions: dict[str, dict[str, str]] = {}
    for each in some:
        versions |= each.versions
    lines = [f"{where}.", "", "| | setting | a job whose worker dies | what is kept of an ended job | versions |"]
    lines.append("|---|---|---|---|---|")
    for contender in CONTENDERS:
        if contender.key in versions:
            found = ", ".join(f"{name} {version}" for name, version in versions[contender.key].items())
            lines.append(
                f"| {contender.name} | {contender.settings} | {contender.guarantee} | {contender.keeps} | {found} |"
            )
    return lines


def _section(case: Case, result: Result, plots: str) -> list[str]:
    rounds = max((len(row.rounds) for row in result.rows), default=0)
    lines = [f"## {case.title}", "", case.text, ""]
    for key in case.plotted:
        column = next(each for each in case.columns if each.key == key)
        lines += [f"![{case.title}: {column.title}]({plots}/{case.name}-{key}.svg)", ""]
    base = next((row for row in result.rows if row.key == case.baseline), None)
    lines.append(f"| | {' | '.join(each.title for each in case.columns)} |")
    lines.append(f"|---|{'--:|' * len(case.columns)}")
    for row in sorted_rows(case, result, case.columns[0]):
        bold = "**" if row.key == case.baseline else ""
        cells = [_text(row, base, column) for column in case.columns]
        lines.append(f"| {bold}{row.name}{bold} | {' | '.join(cells)} |")
    troubled = [row for row in result.rows if row.trouble]
    medians = f"Medians of {rounds} round{'s' if rounds > 1 else ''}, {result.at}."
    lines += [
        "",
        f"{medians} In brackets: how many times the figure of the row in bold.",
    ]
    share = {row.contender: BY_KEY[row.contender].share for row in result.rows if row.contender in BY_KEY}
    if case.name == "drain" and any(part < 1 for part in share.values()):
        fewer = ", ".join(
            f"{BY_KEY[key].name} {max(100, round(result.jobs * part)):,}" for key, part in share.items() if part < 1
        )
        lines.append(f"{result.jobs:,} jobs, but fewer for those that are slow: {fewer}.")
    early = [f"{row.name} {len(row.rounds)}" for row in result.rows if not row.trouble and len(row.rounds) < rounds]
    if early:
        lines.append(f"Of fewer rounds, and of an earlier day or hour: {', '.join(early)}.")
    lines += [f"{row.name} was not measured: {_one_line(row.trouble)}" for row in troubled]
    return [*lines, ""]


def _text(row: RowResult, base: RowResult | None, column: Column) -> str:
    found = cell(row, column)
    if found is None:
        return ""
    text = format(found.median, column.form)
    own = cell(base, column) if base else None
    if base is None or row is base or own is None or not own.median or column.more_is_better is None:
        return text
    return f"{text} ({found.median / own.median:.2f})" if found.median else text


def plots_of(case: Case, result: Result) -> dict[str, str]:
    """Return the plots of a case, by the names of their files."""
    found = {}
    for key in case.plotted:
        column = next(each for each in case.columns if each.key == key)
        rows = []
        for row in sorted_rows(case, result, column):
            figure = cell(row, column)
            if figure is not None:
                text = format(figure.median, column.form)
                kind = _kind(row, case, BY_KEY[row.contender])
                rows.append(Bar(row.name, figure.median, figure.least, figure.most, kind, text))
        better = "more" if column.more_is_better else "less"
        note = f"{column.title}; {better} is better. Median, with the least and the most of all rounds"
        found[f"{case.name}-{key}.svg"] = bars(case.title, note, rows)
    return found


def _kind(row: RowResult, case: Case, contender: Contender) -> str:
    if contender.ours:
        return "ours"
    return "safe" if contender.guarantee.startswith("at least once") else "unsafe"


def _one_line(text: str) -> str:
    return " ".join(text.split())[:200]


def write(path: Path, results: Mapping[str, Result], cases: Sequence[Case]) -> None:
    """Write the report into a file, behind what people have written there, and the plots into a folder beside it."""
    folder = path.with_suffix("")
    folder.mkdir(exist_ok=True)
    for case in cases:
        if case.name in results:
            for name, text in plots_of(case, results[case.name]).items():
                (folder / name).write_text(text)
    text = as_markdown(results, cases, folder.name)
    before, mark, _ = path.read_text().partition(MARK) if path.exists() else ("", "", "")
    path.write_text(f"{before}{MARK}\n{text}" if mark else text)
