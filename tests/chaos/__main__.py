"""Tries every fault: make chaos. The report is written by the run itself."""

import sys
import time
from pathlib import Path

import click
from chaos.faults import connections, load, processes, servers  # noqa: F401  (they enter their scenarios)
from chaos.report import as_markdown, as_text, summary
from chaos.scenario import SCENARIOS, Terms, try_out


@click.command()
@click.option("--seed", type=int, help="What all that is drawn depends on; drawn if it is left out.")
@click.option("--scale", type=float, default=1.0, help="How many jobs, compared with a full run.")
@click.option("--only", multiple=True, help="The faults to try: F1, F2 ...; all if it is left out.")
@click.option("--report", type=click.Path(dir_okay=False), help="The file to write the table into, as Markdown.")
def main(seed: int | None, scale: float, only: tuple[str, ...], report: str | None) -> None:
    """Try faults, and print what came of them."""
    chosen = seed if seed is not None else time.time_ns() % 1_000_000
    rows = []
    for scenario in SCENARIOS:
        if only and scenario.number not in only:
            continue
        row = try_out(scenario, Terms(chosen, scale))
        rows.append(row)
        click.echo(as_text(row))
    click.echo(summary(rows, chosen))
    if report:
        Path(report).write_text(as_markdown(rows, chosen))
    sys.exit(any(row.error or row.verdict.problems for row in rows))


main()
