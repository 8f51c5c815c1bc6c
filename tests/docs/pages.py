"""The pages of the documentation, taken apart: headings, links, tables, blocks of code, and what a terminal showed."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

import jobqueue
from jobqueue.cli.main import cli

ROOT = Path(jobqueue.__file__).parent.parent

PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "examples").rglob("*.md"),
        *(ROOT / "workers").rglob("*.md"),
    ]
)

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True)
class Block:
    """A block of code."""

    language: str
    text: str

    @property
    def commands(self) -> list[tuple[str, str]]:
        """The commands of a console, each with what it printed."""
        parts = re.split(r"^\$ ", self.text, flags=re.MULTILINE)[1:]
        return [(part.partition("\n")[0], part.partition("\n")[2]) for part in parts]


def read(name: str) -> str:
    """Return the text of a page."""
    return (ROOT / name).read_text("utf-8")


def blocks(text: str) -> list[Block]:
    """Return the blocks of code of a page."""
    return [Block(*match) for match in _FENCE.findall(text)]


def prose(text: str) -> str:
    """Return a page without its blocks of code."""
    return _FENCE.sub("", text)


def section(text: str, heading: str) -> str:
    """Return what is below a heading, up to the next one."""
    match = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", text, re.MULTILINE | re.DOTALL)
    assert match, f"there is no heading {heading!r}"
    return match[1]


def table(text: str, *headings: str) -> list[list[str]]:
    """Return the rows of the table that has these headings at first; their cells are texts as they are written."""
    lines = text.splitlines()
    wanted = list(headings)
    starts = [
        place for place, line in enumerate(lines) if [cell.strip("`") for cell in _cells(line)[: len(wanted)]] == wanted
    ]
    assert len(starts) == 1, f"there are {len(starts)} tables with the headings {headings}"
    rows = []
    for line in lines[starts[0] + 2 :]:
        if not line.startswith("|"):
            break
        rows.append(_cells(line))
    return rows


def codes(cell: str) -> list[str]:
    """Return the words in a cell that are set as code."""
    return _CODE.findall(cell)


def _cells(line: str) -> list[str]:
    if not line.startswith("|"):
        return []
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def commands_of_jobqueue(text: str) -> Iterator[list[str]]:
    """Yield the arguments of every ``jobqueue`` command in the blocks of a page."""
    for block in blocks(text):
        if block.language == "console":
            lines = [command for command, _ in block.commands]
        elif block.language == "sh":
            lines = block.text.splitlines()
        else:
            continue
        for line in lines:
            words = shlex.split(line, comments=True)
            if words and words[0] == "jobqueue":
                yield words[1:]


def click_commands() -> dict[str, click.Command]:
    """Return every command that does something, by its words."""

    def walk(command: click.Command, words: tuple[str, ...]) -> Iterator[tuple[str, click.Command]]:
        if isinstance(command, click.Group):
            context = click.Context(command)
            for name in command.list_commands(context):
                found = command.get_command(context, name)
                assert found is not None
                yield from walk(found, (*words, name))
        else:
            yield " ".join(words), command

    return dict(walk(cli, ()))


def parse_command(words: list[str]) -> click.Context:
    """Read the arguments of ``jobqueue`` as it would, and run nothing.

    Raises:
        UsageError: it would refuse them.
    """
    command: click.Command = cli
    rest = list(words)
    while isinstance(command, click.Group):
        name = rest.pop(0)
        found = command.get_command(click.Context(command), name)
        if found is None:
            raise click.UsageError(f"there is no command {name!r}")
        command = found
    return command.make_context(name, rest)


def shape(output: str) -> list[str]:
    """Return what a terminal shows without what differs each time: ids, times, and the widths of columns."""
    for pattern, stands_for in (
        (r"\b[\w-]+\.\d+\.[A-Za-z0-9]{8}\b", "WORKER"),
        (r"\b[A-Za-z0-9]{14}\b", "ID"),
        (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME"),
        (r"\b\d{16}\b", "TOKEN"),
        (r"\b[\d.,]+(ms|s|m|h|d)\b( \d+(s|m|h)\b)?", "DURATION"),
        (r"[ \t]+", " "),
    ):
        output = re.sub(pattern, stands_for, output)
    return [line.strip() for line in output.strip().splitlines()]


def differences(shown: str, printed: str) -> list[str]:
    """Return the lines of a sample that are not what was printed; a line ``...`` stands for all the rest."""
    expected, found = shape(shown), shape(printed)
    if expected and expected[-1] == "...":
        expected = expected[:-1]
        found = found[: len(expected)]
    longest = max(len(expected), len(found))
    expected += [""] * (longest - len(expected))
    found += [""] * (longest - len(found))
    return [
        f"the page has {line!r}, and it prints {other!r}"
        for line, other in zip(expected, found, strict=True)
        if line != other
    ]
