"""Where contenders are installed, and what their processes are started with."""

import os
import re
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from contenders import HERE, NODE_APPS, Contender
from environments import PROJECT, copy_programs, make, make_node, node_versions, versions

HOMES = PROJECT / "build" / "bench"


def install(contender: Contender) -> None:
    """Make the environment of a contender, unless it is there.

    Raises:
        NotThere: it cannot be made.
    """
    if contender.node:
        make_node(home(contender), NODE_APPS / "package.json")
    elif not contender.ours:
        make(home(contender), contender.requires)


def home(contender: Contender) -> Path:
    """Return where a contender is installed."""
    return HOMES / contender.home if contender.home else Path(sys.prefix)


def folder(contender: Contender) -> Path:
    """Return where the programs of a contender are run."""
    if not contender.node:
        return HERE
    return copy_programs(NODE_APPS, home(contender))


def python(contender: Contender) -> str:
    """Return the interpreter of a contender."""
    return sys.executable if contender.ours else str(home(contender) / "bin" / "python")


def producing(contender: Contender, verb: str, words: Sequence[object], producer: str = "") -> list[str]:
    """Return the command that enqueues."""
    if contender.node:
        return ["node", "produce.mjs", verb, *map(str, words)]
    app = f"{contender.app}:{producer}" if producer else contender.app
    return [python(contender), "-m", "apps.produce", app, verb, *map(str, words)]


def filled_in(command: Sequence[str], values: dict[str, object]) -> list[str]:
    """Return a command with its values in place of their names."""
    return [re.sub(r"\{(\w+)\}", lambda found: str(values[found[1]]), word) for word in command]


def environment(contender: Contender, more: dict[str, str]) -> dict[str, str]:
    """Return what the processes of a contender have in their environment."""
    kept = {name: value for name, value in os.environ.items() if not re.match("JOBQUEUE_|PYTHON|VIRTUAL_ENV", name)}
    paths = [str(HERE), *([str(PROJECT)] if contender.ours else [])]
    ours = {"PYTHONPATH": os.pathsep.join(paths), "BENCH_KIND": contender.kind, **contender.variables}
    return {**kept, **ours, **more}


def installed(contender: Contender) -> dict[str, str]:
    """Return the versions of what a contender consists of."""
    if contender.node:
        return node_versions(home(contender), contender.shown)
    if contender.ours:
        import jobqueue

        return {"jobqueue": jobqueue.__version__, **{name: metadata.version(name) for name in contender.shown}}
    return versions(home(contender), contender.shown)
