"""Measures: ``python benchmarks drain --only jobqueue,bullmq --rounds 3 --jobs 20000``; without a case, all of them."""

import sys
import time
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path

import click
import psutil
from case import Case, Options
from contenders import CONTENDERS, Contender
from environments import NotThere
from figures import Result, RowResult, begun, keep, kept
from homes import HOMES, install, installed
from measure import server
from report import write
from stage import Stage, Trouble

NAMES = (
    *("drain", "sleeps", "lone", "load", "results", "enqueue", "memory", "rest"),
    *("commands", "due", "backlog", "options", "fleet"),
)

CALM = 20.0
"""Per cent of the machine that others may use while something is measured."""


def load(name: str) -> Case:
    """Return a case."""
    case: Case = import_module(f"cases.{name}").CASE
    return case


def calm(patience: float) -> float:
    """Wait until others use little of the machine, but not for ever, and return how much in per cent."""
    deadline = time.monotonic() + patience
    while (busy := psutil.cpu_percent(0.5)) > CALM and time.monotonic() < deadline:
        pass
    return busy


def run(
    case: Case, contenders: Sequence[Contender], options: Options, stage: Stage, missing: dict[str, str]
) -> Iterator[Result]:
    """Run a case, and give what has come of it after each round.

    Rounds are interleaved, so that a slow moment of the machine meets everybody.
    """
    info = stage.redis.info("server")
    name = "Valkey" if "valkey_version" in info else "Redis"
    result = begun(case.name, f"{name} {info.get('valkey_version', info['redis_version'])}", options.jobs)
    rows = case.rows(contenders)
    found = {row.key: RowResult(row.key, row.name, row.contender.key) for row in rows}
    result.rows = list(found.values())
    for row in rows:
        if row.contender.key in missing:
            found[row.key].trouble = missing[row.contender.key]
        else:
            result.versions[row.contender.key] = installed(row.contender)
    for number in range(options.rounds):
        for row in rows:
            if found[row.key].trouble:
                continue
            busy = calm(options.patience)
            try:
                figures = row.measure(stage, options)
            except (Trouble, TimeoutError) as error:
                found[row.key].trouble = str(error)
                click.echo(f"{case.name} {row.key}: {error}", err=True)
                continue
            found[row.key].rounds.append(dict(figures))
            found[row.key].busy.append(busy)
            shown = ", ".join(f"{key} {value:,.6g}" for key, value in figures.items())
            click.echo(f"{case.name} {number + 1}/{options.rounds} {row.key}: {shown}", err=True)
        yield result


@click.command()
@click.argument("cases", nargs=-1, type=click.Choice(NAMES))
@click.option("--only", default="", help="The contenders, with commas between them; all.")
@click.option("--jobs", type=int, default=20_000, show_default=True, help="No-op jobs of a drain.")
@click.option("--rounds", type=int, default=3, show_default=True, help="How often each is measured.")
@click.option(
    "--figures", type=click.Path(path_type=Path), default=HOMES / "figures", help="Where raw figures are kept."
)
@click.option(
    "--patience",
    type=float,
    default=30.0,
    show_default=True,
    help="Seconds to wait until others use little of the machine.",
)
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="The Markdown file to write.")
@click.option("--measure/--no-measure", default=True, help="Whether only a report is made of what was measured.")
def main(
    cases: tuple[str, ...],
    only: str,
    jobs: int,
    rounds: int,
    patience: float,
    figures: Path,
    report: Path | None,
    measure: bool,
) -> None:
    """Measure this job queue and others on the same server, and write a report."""
    chosen = [each for each in CONTENDERS if not only or each.key in only.split(",")]
    if unknown := set(filter(None, only.split(","))) - {each.key for each in CONTENDERS}:
        raise click.UsageError(f"there is no {', '.join(unknown)}: {', '.join(each.key for each in CONTENDERS)}")
    if measure:
        missing: dict[str, str] = {}
        for contender in chosen:
            try:
                install(contender)
            except NotThere as reason:
                missing[contender.key] = f"cannot be installed: {reason}"
        with server() as url:
            for name in cases or NAMES:
                for result in run(load(name), chosen, Options(jobs, rounds, patience), Stage(url), missing):
                    keep(figures, result)
    if report:
        write(report, kept(figures, NAMES), [load(name) for name in NAMES])


if __name__ == "__main__":
    sys.exit(main())
