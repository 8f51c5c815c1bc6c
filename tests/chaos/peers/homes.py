"""The environments of the peers: made once, beside the project, and no dependency of it."""

import json
import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from chaos.peers.table import APPS, NODE_APPS, Peer

PROJECT = Path(__file__).parents[3]
HOMES = PROJECT / "build" / "peers"


class NotThere(Exception):
    """A peer cannot be installed here, and why."""


def home(peer: Peer) -> Path:
    """Return where a peer is installed."""
    return HOMES / peer.key


def install(peer: Peer) -> None:
    """Make the environment of a peer, unless it is there.

    Raises:
        NotThere: it cannot be made.
    """
    if peer.name == "jobqueue":
        return
    place = home(peer)
    wanted = (NODE_APPS / "package.json").read_text() if peer.node else "\n".join(peer.requires)
    mark = place / ".installed"
    if mark.exists() and mark.read_text() == wanted:
        return
    place.mkdir(parents=True, exist_ok=True)
    if peer.node:
        if not (shutil.which("npm") and shutil.which("node")):
            raise NotThere("node and npm are not on PATH")
        shutil.copy(NODE_APPS / "package.json", place)
        _run(["npm", "install", "--no-audit", "--no-fund"], place)
    else:
        _run([sys.executable, "-m", "venv", str(place)], place)
        _run([f"{place}/bin/pip", "install", "--quiet", "--disable-pip-version-check", *peer.requires], place)
    mark.write_text(wanted)


def _run(command: list[str], place: Path) -> None:
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotThere(f"{' '.join(command[:3])} failed: {done.stderr.strip()[-300:]}")


def command(peer: Peer, words: tuple[str, ...], number: int, url: str) -> list[str]:
    """Return a command of a peer as it is run."""
    values = {"{bin}": str(home(peer) / "bin"), "{number}": str(number), "{url}": url}
    return [re.sub("{bin}|{number}|{url}", lambda found: values[found[0]], word) for word in words]


def folder(peer: Peer) -> Path:
    """Return where the commands of a peer are run."""
    if not peer.node:
        return APPS
    # Node looks for packages beside the program.
    for program in NODE_APPS.glob("*.mjs"):
        shutil.copy(program, home(peer))
    return home(peer)


def environment(peer: Peer) -> dict[str, str]:
    """Return what the processes of a peer have in their environment."""
    kept = {name: value for name, value in os.environ.items() if not re.match("JOBQUEUE_|PYTHON|VIRTUAL_ENV", name)}
    paths = [str(APPS), *([str(PROJECT)] if peer.name == "jobqueue" else [])]
    return {**kept, "PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def versions(peer: Peer) -> dict[str, str]:
    """Return the versions that are installed."""
    if peer.node:
        found = {}
        for name in peer.shown:
            text = (home(peer) / "node_modules" / name / "package.json").read_text()
            found[name] = json.loads(text)["version"]
        return found
    if peer.name == "jobqueue":
        import jobqueue

        return {"jobqueue": jobqueue.__version__, **{name: metadata.version(name) for name in peer.shown}}
    places = [str(each) for each in (home(peer) / "lib").glob("python*/site-packages")]
    there = {each.name.lower(): each.version for each in metadata.distributions(path=places)}
    return {name: there[name] for name in peer.shown}
