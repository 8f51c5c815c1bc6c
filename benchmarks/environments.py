"""Environments of other projects: made once, beside this one, and no dependency of it.

The benchmarks and the faults (tests/chaos/peers) both use it.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

PROJECT = Path(__file__).parents[1]


class NotThere(Exception):
    """A project cannot be installed here, and why."""


def make(place: Path, requires: Sequence[str]) -> None:
    """Make a virtual environment, unless it is there.

    Args:
        place: its folder.
        requires: what is installed with pip.

    Raises:
        NotThere: it cannot be made.
    """
    wanted = "\n".join(requires)
    if not _is_there(place, wanted):
        _run([sys.executable, "-m", "venv", "--clear", str(place)], place)
        _run([f"{place}/bin/pip", "install", "--quiet", "--disable-pip-version-check", *requires], place)
        _mark(place, wanted)


def make_node(place: Path, manifest: Path) -> None:
    """Install packages of Node, unless they are there.

    Args:
        place: the folder.
        manifest: the ``package.json`` that says what is installed.

    Raises:
        NotThere: it cannot be done.
    """
    wanted = manifest.read_text()
    if not _is_there(place, wanted):
        if not (shutil.which("npm") and shutil.which("node")):
            raise NotThere("node and npm are not on PATH")
        shutil.copy(manifest, place / "package.json")
        _run(["npm", "install", "--no-audit", "--no-fund"], place)
        _mark(place, wanted)


def copy_programs(programs: Path, place: Path) -> Path:
    """Copy programs for Node to where their packages are: Node looks for packages beside a program.

    Args:
        programs: the folder that has them.
        place: the folder that has the packages; it is returned.
    """
    for program in programs.glob("*.mjs"):
        shutil.copy(program, place)
    return place


def versions(place: Path, names: Sequence[str]) -> dict[str, str]:
    """Return the versions of packages that are installed in a virtual environment."""
    folders = [str(each) for each in (place / "lib").glob("python*/site-packages")]
    there = {each.name.lower(): each.version for each in metadata.distributions(path=folders)}
    return {name: there[name] for name in names}


def node_versions(place: Path, names: Sequence[str]) -> dict[str, str]:
    """Return the versions of packages of Node that are installed."""
    texts = {name: (place / "node_modules" / name / "package.json").read_text() for name in names}
    return {name: json.loads(text)["version"] for name, text in texts.items()}


def _is_there(place: Path, wanted: str) -> bool:
    place.mkdir(parents=True, exist_ok=True)
    mark = place / ".installed"
    return mark.exists() and mark.read_text() == wanted


def _mark(place: Path, wanted: str) -> None:
    (place / ".installed").write_text(wanted)


def _run(command: list[str], place: Path) -> None:
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotThere(f"{' '.join(command[:3])} failed: {done.stderr.strip()[-300:]}")
