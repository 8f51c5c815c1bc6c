"""The table of a run, for a terminal and for the docs."""

import platform
import re
import subprocess
from collections.abc import Sequence

import redis
from chaos.scenario import Row
from servers import KINDS


def as_text(row: Row) -> str:
    """Return what came of a scenario: a line, and one more for each of the first problems."""
    if row.skipped:
        return f"{row.number:6} not run: {row.skipped}"
    found = row.verdict
    counts = [
        f"{found.jobs:,} jobs",
        f"{found.refused:,} refused",
        f"{row.faults:,} faults",
        f"lost {len(found.lost)}",
        f"illegal overlaps {len(found.overlaps)}",
        f"stuck {len(found.stuck)}",
        f"leaked {len(found.leaked)}",
        f"wrong {len(found.wrong)}",
        f"repeats {found.repeats}",
        f"quarantined {found.quarantined}",
        f"forgotten {found.forgotten}",
        f"recovery {found.recovery:.1f} s",
        f"{row.seconds:.0f} s",
        *filter(None, [row.notes]),
    ]
    problems = [f"       ! {text}" for text in [*filter(None, [row.error]), *found.problems[:10]]]
    return "\n".join([f"{row.number:6} {', '.join(counts)}", *problems])


def summary(rows: Sequence[Row], seed: int) -> str:
    """Return the figures of all scenarios in a line."""
    found = [row.verdict for row in rows]
    wrong = sum(len(each.wrong) for each in found) + sum(bool(row.error) for row in rows)
    return (
        f"seed {seed}: {sum(each.jobs for each in found):,} jobs, {sum(row.faults for row in rows):,} injected faults: "
        f"lost {sum(len(each.lost) for each in found)}, illegal overlaps {sum(len(each.overlaps) for each in found)}, "
        f"stuck {sum(len(each.stuck) for each in found)}, leaked keys {sum(len(each.leaked) for each in found)}, "
        f"otherwise wrong {wrong}; forgotten by servers that were to: {sum(each.forgotten for each in found):,}; "
        f"{sum(row.seconds for row in rows) / 60:.0f} minutes"
    )


def as_markdown(rows: Sequence[Row], seed: int) -> str:
    """Return the table of a run, as Markdown."""
    lines = [
        "# A run of all faults",
        "",
        "Written by the run itself. What the columns mean: docs/faults.md. The jobs in `forgotten`",
        "are those that a server has lost which was to lose some: F13e, F14, F14f, F15, F16m, F16n, F22.",
        "",
        (
            f"`make chaos SEED={seed}`: {platform.system()} {platform.machine()}, Python {platform.python_version()},"
            f" redis-py {redis.__version__}, {', '.join(versions())}."
        ),
        "",
        summary(rows, seed) + ".",
        "",
        (
            "| | what was done | jobs | refused | faults | lost | illegal overlaps | stuck | leaked | repeats"
            " | quarantined | forgotten | recovery | |"
        ),
        "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|",
    ]
    for row in rows:
        found = row.verdict
        if row.skipped:
            lines.append(f"| {row.number} | {row.title} | | | | | | | | | | | | not run: {row.skipped} |")
            continue
        bad = len(found.wrong) + bool(row.error)
        notes = "; ".join(filter(None, [row.notes, f"{bad} otherwise wrong" if bad else ""]))
        counts = [
            f"{found.jobs:,}",
            f"{found.refused:,}",
            f"{row.faults:,}",
            *(str(len(each)) for each in (found.lost, found.overlaps, found.stuck, found.leaked)),
            f"{found.repeats:,}",
            f"{found.quarantined}",
            f"{found.forgotten:,}",
            f"{found.recovery:.1f} s",
        ]
        lines.append(f"| {row.number} | {row.title} | {' | '.join(counts)} | {notes} |")
    return "\n".join(lines) + "\n"


def versions() -> list[str]:
    """Return the versions of the servers."""
    found = []
    for name in ("redis", "valkey"):
        if program := KINDS[name].find():
            text = subprocess.run([str(program), "--version"], capture_output=True, text=True, check=True).stdout
            version = re.search(r"v=([\d.]+)", text)
            found.append(f"{name} {version[1] if version else '?'}")
    return found
