"""The raw figures: kept as JSON, so that a report can be made again of them."""

import json
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass
class RowResult:
    """What came of a row.

    Attributes:
        key: of the row.
        name: of the row.
        contender: the key of the contender.
        rounds: the figures of each round, by the keys of the columns.
        busy: how much of the machine was in use just before each round, in per cent.
        trouble: why it could not be measured.
    """

    key: str
    name: str
    contender: str
    rounds: list[dict[str, float]] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)
    trouble: str = ""


@dataclass
class Result:
    """What came of a case.

    Attributes:
        case: its name.
        at: when it was run.
        machine: on what.
        server: the server.
        jobs: how many jobs a drain had.
        rows: what came of its rows.
        versions: what was installed, by the key of the contender.
    """

    case: str
    at: str
    machine: str
    server: str
    jobs: int
    rows: list[RowResult] = field(default_factory=list)
    versions: dict[str, dict[str, str]] = field(default_factory=dict)


def begun(case: str, server: str, jobs: int) -> Result:
    """Return the result of a case of which nothing has come yet."""
    now = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    return Result(case, now, machine(), server, jobs)


def machine() -> str:
    """Return what the figures are taken on."""
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}"


def keep(place: Path, result: Result) -> None:
    """Write the figures of a case down, in place of earlier ones of the same rows.

    Rows that were not measured this time keep what they had: so a case can be run for one contender.
    """
    place.mkdir(parents=True, exist_ok=True)
    path = place / f"{result.case}.json"
    if path.exists():
        earlier = _read(path)
        new = {row.key for row in result.rows}
        result.rows += [row for row in earlier.rows if row.key not in new]
        result.versions = {**earlier.versions, **result.versions}
    path.write_text(json.dumps(asdict(result), indent=1) + "\n")


def kept(place: Path, cases: Sequence[str]) -> dict[str, Result]:
    """Return what was written down of some cases, as far as there is anything."""
    paths = {case: place / f"{case}.json" for case in cases}
    return {case: _read(path) for case, path in paths.items() if path.exists()}


def _read(path: Path) -> Result:
    found = json.loads(path.read_text())
    return Result(**{**found, "rows": [RowResult(**row) for row in found["rows"]]})
