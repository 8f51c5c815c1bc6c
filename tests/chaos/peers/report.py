"""The table of a run, for a terminal and for the docs."""

import os
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path

from chaos.peers.cell import Outcome
from chaos.peers.faults import FAULTS
from chaos.peers.homes import versions
from chaos.peers.table import PEERS
from servers import KINDS

MARK = "<!-- What follows is written by make chaos-peers REPORT=docs/peers-under-faults.md -->\n"


def survived(outcome: Outcome) -> str:
    """Return in words what became of the workers."""
    words = [f"exited {outcome.exits} times" if outcome.exits > 1 else "exited" if outcome.exits else ""]
    words.append(f"hung: {outcome.hung} jobs ran only when others had taken its place" if outcome.hung else "")
    words.append(f"{outcome.left} ended jobs are still held" if outcome.left else "")
    return "; ".join(filter(None, words)) or "yes"


def as_text(outcome: Outcome) -> str:
    """Return a line."""
    head = f"{outcome.peer.name:9} {outcome.fault.name:11}"
    if outcome.why_not or outcome.error:
        return f"{head} not run: {outcome.why_not or outcome.error}"
    return (
        f"{head} accepted {outcome.accepted:4} (unknown {outcome.unknown}), faults {outcome.faults:3}, "
        f"lost {outcome.lost}, failed {outcome.failed}, stuck {outcome.stuck}, repeated {outcome.repeated}, "
        f"overlapping {outcome.overlapping}, survived: {survived(outcome)}, recovery {outcome.recovery:.0f} s, "
        f"{outcome.seconds:.0f} s"
    )


def as_markdown(outcomes: Sequence[Outcome], jobs: int, seed: int) -> str:
    """Return the tables of a run, as Markdown."""
    server = subprocess.run(
        [str(KINDS["redis"].find()), "--version"], capture_output=True, text=True, check=True
    ).stdout.split()[2]
    where = f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors"
    what = f"Python {platform.python_version()}, Redis {server.removeprefix('v=')}"
    lines = [f"`make chaos-peers JOBS={jobs} SEED={seed}`: {where}, {what}."]
    head = (
        "| | jobs | refused | faults | lost | failed | stuck | repeated | overlapping | worker survived | recovery | |"
    )
    for fault in FAULTS:
        rows = [each for each in outcomes if each.fault is fault]
        if not rows:
            continue
        lines += ["", f"### {fault.title[0].upper()}{fault.title[1:]}", "", head, f"|---|{'--:|' * 8}---|--:|--:|"]
        for each in rows:
            if each.why_not or each.error:
                lines.append(f"| {each.peer.name} | | | | | | | | | not run: {each.why_not or each.error} | | |")
                continue
            counts = (each.accepted, each.unknown, each.faults, each.lost, each.failed, each.stuck, each.repeated)
            lines.append(
                f"| {each.peer.name} | {' | '.join(map(str, (*counts, each.overlapping)))} | {survived(each)} "
                f"| {each.recovery:.0f} s | {each.seconds:.0f} s |"
            )
    lines += ["", "## Versions and settings", "", "| | versions | settings |", "|---|---|---|"]
    for peer in PEERS:
        if any(each.peer is peer for each in outcomes):
            found = ", ".join(f"{name} {version}" for name, version in versions(peer).items())
            lines.append(f"| {peer.name} | {found} | {peer.settings} |")
    return "\n".join(lines) + "\n"


def write(path: Path, text: str) -> None:
    """Write the tables into a file, behind what people have written there."""
    before, mark, _ = path.read_text().partition(MARK) if path.exists() else ("", "", "")
    path.write_text(f"{before}{MARK}\n{text}" if mark else text)
