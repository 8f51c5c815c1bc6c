"""The environments of the peers: made once, beside the project, and no dependency of it."""

import os
import re
from importlib import metadata
from pathlib import Path

import environments  # in benchmarks, which measures other job queues too
from chaos.peers.table import APPS, NODE_APPS, Peer
from environments import PROJECT, copy_programs, make, make_node

HOMES = PROJECT / "build" / "peers"


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
    if peer.node:
        make_node(home(peer), NODE_APPS / "package.json")
    else:
        make(home(peer), peer.requires)


def command(peer: Peer, words: tuple[str, ...], number: int, url: str) -> list[str]:
    """Return a command of a peer as it is run."""
    values = {"{bin}": str(home(peer) / "bin"), "{number}": str(number), "{url}": url}
    return [re.sub("{bin}|{number}|{url}", lambda found: values[found[0]], word) for word in words]


def folder(peer: Peer) -> Path:
    """Return where the commands of a peer are run."""
    if not peer.node:
        return APPS
    return copy_programs(NODE_APPS, home(peer))


def environment(peer: Peer) -> dict[str, str]:
    """Return what the processes of a peer have in their environment."""
    kept = {name: value for name, value in os.environ.items() if not re.match("JOBQUEUE_|PYTHON|VIRTUAL_ENV", name)}
    paths = [str(APPS), *([str(PROJECT)] if peer.name == "jobqueue" else [])]
    return {**kept, "PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def versions(peer: Peer) -> dict[str, str]:
    """Return the versions that are installed."""
    if peer.node:
        return environments.node_versions(home(peer), peer.shown)
    if peer.name == "jobqueue":
        import jobqueue

        return {"jobqueue": jobqueue.__version__, **{name: metadata.version(name) for name in peer.shown}}
    return environments.versions(home(peer), peer.shown)
