"""Lua scripts as files: what their headers declare, and how includes come together.

The header of a command is its contract, and the source of the names its body uses::

    --[[ One line that says what it does.
    @key   NAME TYPE               a key of the queue that the body itself uses, as ``key.NAME``
    @arg   NAME str|int TEXT       an argument; the body writes ``NAME``
    @rest  NAME N TEXT             any number of groups of N further arguments, from ``ARGV[rest]`` on
    @flags allow-oom | no-writes   goes on when the memory is full | writes nothing
    @repeat safe                   sending it twice does no more than sending it once
    @inboxes TEXT                  takes any number of inboxes beside the other keys: the body has them as ``inboxes``
    @error TEXT                    an error it may reply
    @returns TEXT ]]
    --@include NAME                lib/NAME.lua, which holds the one local function NAME

The first argument of every script is ``now``: empty, or the time in milliseconds that a test wants it to be. An include
declares with ``@uses`` which keys it touches; the keys of a command are its own, then those of its includes.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from hashlib import sha1
from importlib.resources import files

from jobqueue.store.keys import KEYS

_HEADER = re.compile(r"\A--\[\[(?P<text>.*?)\]\]\n?", re.DOTALL)
_INCLUDE = re.compile(r"^--@include (\w+)\n", re.MULTILINE)
_TAG = re.compile(r"^@(\w+)(.*)$", re.MULTILINE)
_KEY_USE = re.compile(r"\bkey\.(\w+)")
_FLAGS = frozenset({"allow-oom", "no-writes"})
_COMMAND_TAGS = ("key", "arg", "rest", "inboxes", "flags", "repeat", "error", "returns")
_INCLUDE_TAGS = ("uses", "returns")


class ScriptError(Exception):
    """A script breaks its contract. Only somebody who edits the scripts ever sees this."""


@dataclass(frozen=True)
class Script:
    """A command, ready to be sent.

    Attributes:
        name: the name of its file.
        keys: the names of its keys, in order.
        args: the names of its arguments after ``now``, in order.
        group: how many further arguments make a group; 0 if it takes none.
        flags: what the server is told of it.
        repeatable: whether it may be sent again when the reply was lost.
        source: its text, includes and all.
        origin: for each line of the text, the file and line it came from.
    """

    name: str
    keys: tuple[str, ...]
    args: tuple[str, ...]
    group: int
    flags: frozenset[str]
    repeatable: bool
    source: str
    origin: tuple[tuple[str, int], ...]

    @cached_property
    def _variants(self) -> tuple[tuple[str, str], ...]:
        # Two texts, each with its hash: a server before Redis 7 cannot read flags. That server refuses the first
        # write of a script when its memory is full, unless it is of a kind that needs none: this one does nothing.
        flags = f"#!lua flags={','.join(sorted(self.flags))}"
        instead = "redis.call('PERSIST', KEYS[1])" if "allow-oom" in self.flags else ""
        # Both are one line: what a server says about a line is then true of both.
        texts = (f"{first}\n{self.source}" for first in (instead, flags))
        return tuple((text, sha1(text.encode()).hexdigest()) for text in texts)

    def text(self, flagged: bool) -> str:
        """Return the text to send, with or without flags."""
        return self._variants[flagged][0]

    def sha(self, flagged: bool) -> str:
        """Return the SHA1 under which the server keeps that text."""
        return self._variants[flagged][1]


@cache
def script(name: str) -> Script:
    """Return the command of a file in ``lua/``.

    Raises:
        ScriptError: the file breaks its contract.
    """
    return assemble(name, {path: _read(path) for path in _closure(name)})


def script_names() -> list[str]:
    """Return the names of all commands."""
    folder = files("jobqueue.store").joinpath("lua")
    return sorted(entry.name.removesuffix(".lua") for entry in folder.iterdir() if entry.name.endswith(".lua"))


def assemble(name: str, texts: dict[str, str]) -> Script:
    """Put a command and its includes together.

    Args:
        name: the command.
        texts: the text of each file by its path without ``.lua``: ``settle``, ``lib/admit`` ...

    Raises:
        ScriptError: the contract is broken.
    """
    tags = _tags(name, texts[name], _COMMAND_TAGS)
    own = tuple(_declared_key(name, text) for text in tags.get("key", []))
    order = _order(name, texts)
    keys = tuple(dict.fromkeys((*own, *(used for path in order for used in _uses(path, texts[path])))))
    args = tuple(_declared_arg(name, text) for text in tags.get("arg", []))
    group = _declared_group(name, tags.get("rest", []))
    flags = frozenset(word for text in tags.get("flags", []) for word in text.split())
    if not flags <= _FLAGS:
        raise ScriptError(f"{name}.lua: unknown flags {sorted(flags - _FLAGS)}")

    names = ", ".join(f"{key} = KEYS[{index}]" for index, key in enumerate(keys, 1))
    preamble = [f"local key = {{{names}}}", "local now = ARGV[1]"]
    if "inboxes" in tags:
        preamble.append(f"local inboxes = {{unpack(KEYS, {len(keys) + 1})}}")
    for index, (arg, kind) in enumerate(args, 2):
        value = f"tonumber(ARGV[{index}])" if kind == "int" else f"ARGV[{index}]"
        preamble.append(f"local {arg} = {value}")
    if group:
        preamble.append(f"local rest = {len(args) + 2}")
    lines = [" ".join(preamble)]
    origin = [(f"{name}.lua", 0)]

    for path in [*order, name]:
        text = texts[path]
        used = set(_KEY_USE.findall(_HEADER.sub("", text)))
        allowed = set(own) if path == name else set(_uses(path, text))
        if not used <= allowed:
            raise ScriptError(f"{path}.lua: uses keys it does not declare: {sorted(used - allowed)}")
        if not allowed <= set(KEYS):
            raise ScriptError(f"{path}.lua: uses unknown keys: {sorted(allowed - set(KEYS))}")
        start = _HEADER.match(text)
        skipped = text[: start.end()].count("\n") if start else 0
        for number, line in enumerate(text.splitlines()[skipped:], skipped + 1):
            if not _INCLUDE.match(line + "\n"):
                if "@include" in line:
                    raise ScriptError(f"{path}.lua:{number}: write --@include NAME, and nothing else")
                lines.append(line)
                origin.append((f"{path}.lua", number))

    return Script(
        name=name,
        keys=keys,
        args=tuple(arg for arg, _ in args),
        group=group,
        flags=flags,
        repeatable=tags.get("repeat") == ["safe"],
        source="\n".join(lines) + "\n",
        origin=tuple(origin),
    )


def _read(path: str) -> str:
    return files("jobqueue.store").joinpath("lua", f"{path}.lua").read_text("utf-8")


def _closure(name: str) -> list[str]:
    """Return a command and all that it includes, directly or not."""
    found: list[str] = []
    open_paths = [name]
    while open_paths:
        path = open_paths.pop()
        if path not in found:
            found.append(path)
            open_paths += [f"lib/{included}" for included in _INCLUDE.findall(_read(path))]
    return found


def _order(name: str, texts: dict[str, str]) -> list[str]:
    """Return the includes of a command, each after those it needs itself."""
    ordered: list[str] = []

    def visit(path: str, above: tuple[str, ...]) -> None:
        if path in above:
            raise ScriptError(f"{name}.lua: includes go in a circle: {' -> '.join((*above, path))}")
        if path not in texts:
            raise ScriptError(f"{above[-1]}.lua: there is no {path}.lua to include")
        if path not in ordered:
            for included in _INCLUDE.findall(texts[path]):
                visit(f"lib/{included}", (*above, path))
            ordered.append(path)

    visit(name, ())
    return ordered[:-1]


def _header(path: str, text: str) -> str:
    match = _HEADER.match(text)
    if not match:
        raise ScriptError(f"{path}.lua: the file must begin with a header, --[[ ... ]]")
    return match["text"]


def _tags(path: str, text: str, known: Sequence[str]) -> dict[str, list[str]]:
    tags: dict[str, list[str]] = {}
    for tag, words in _TAG.findall(_header(path, text)):
        if tag not in known:
            raise ScriptError(f"{path}.lua: unknown tag @{tag}")
        tags.setdefault(tag, []).append(words.strip())
    return tags


def _uses(path: str, text: str) -> Iterable[str]:
    return [name for names in _tags(path, text, _INCLUDE_TAGS).get("uses", []) for name in names.split()]


def _declared_key(script_name: str, text: str) -> str:
    words = text.split()
    if len(words) != 2 or words[0] not in KEYS or KEYS[words[0]][0] != words[1]:
        raise ScriptError(f"{script_name}.lua: @key {text}: not a name and type of jobqueue.store.keys")
    return words[0]


def _declared_arg(script_name: str, text: str) -> tuple[str, str]:
    words = text.split()
    if len(words) < 2 or words[1] not in ("str", "int"):
        raise ScriptError(f"{script_name}.lua: @arg {text}: write a name, str or int, and what it means")
    return words[0], words[1]


def _declared_group(script_name: str, texts: Sequence[str]) -> int:
    if not texts:
        return 0
    words = texts[0].split()
    if len(texts) > 1 or len(words) < 2 or not words[1].isdecimal() or int(words[1]) == 0:
        raise ScriptError(f"{script_name}.lua: @rest {texts[0]}: write once a name, how many make a group, and what")
    return int(words[1])
