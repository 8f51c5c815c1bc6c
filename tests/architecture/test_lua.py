"""What is true of every Lua script."""

import re
from pathlib import Path

import pytest
from lupa import lua51

import jobqueue
from jobqueue.store.keys import KEYS
from jobqueue.store.script import script, script_names

FOLDER = Path(jobqueue.__file__).parent / "store" / "lua"
FILES = sorted(FOLDER.rglob("*.lua"))
COMMANDS = [path for path in FILES if path.parent == FOLDER]
INCLUDES = [path for path in FILES if path.parent != FOLDER]

HEADER = re.compile(r"\A--\[\[.*?\]\]\n", re.DOTALL)
COMMENT = re.compile(r"--[^\n]*")
CALL = re.compile(r"redis\.call\(([^,()]+)(?:, ([^,()]+(?:\([^()]*\)[^,()]*)*))?")
TAG = re.compile(r"^@(\w+)(.*)$", re.MULTILINE)

# The commands of Redis that are used: all of them known to 6.2 and to the fake, and none that goes through all keys.
WRITING = {
    "DEL",
    "HDEL",
    "HINCRBY",
    "HSET",
    "HSETNX",
    "LPOP",
    "LPUSH",
    "LREM",
    "LSET",
    "LTRIM",
    "RENAME",
    "RPOP",
    "RPUSH",
    "SADD",
    "SPOP",
    "SREM",
    "XADD",
    "ZADD",
    "ZREM",
}
READING = {
    "EXISTS",
    "HEXISTS",
    "HGET",
    "HGETALL",
    "HVALS",
    "HLEN",
    "HMGET",
    "HRANDFIELD",
    "HSCAN",
    "LINDEX",
    "LLEN",
    "LPOS",
    "LRANGE",
    "SCARD",
    "SISMEMBER",
    "SSCAN",
    "ZCARD",
    "ZCOUNT",
    "ZLEXCOUNT",
    "ZRANGE",
    "ZRANGEBYLEX",
    "ZRANGEBYSCORE",
    "ZREVRANGE",
    "ZREVRANGEBYLEX",
    "ZSCAN",
    "ZSCORE",
}
OTHER = {"PUBLISH", "TIME"}

# What differs between servers, cannot be repeated, or damages large numbers and empty lists.
AVOIDED = ("cjson", "cmsgpack", "math.random", "os.", "redis.pcall", "redis.replicate_commands", "loadstring")


def named(paths):
    """Parametrize a test with files, and call each by its name."""
    return pytest.mark.parametrize("path", paths, ids=lambda path: str(path.relative_to(FOLDER).with_suffix("")))


def code(path: Path) -> str:
    """Return a text without its header and comments."""
    return COMMENT.sub("", HEADER.sub("", path.read_text("utf-8")))


def tags(path: Path) -> dict[str, list[str]]:
    """Return the tags in the header of a file."""
    found: dict[str, list[str]] = {}
    for tag, text in TAG.findall(HEADER.match(path.read_text("utf-8"))[0].removesuffix("]]\n")):
        found.setdefault(tag, []).append(text.strip())
    return found


def calls(path: Path) -> list[tuple[str, str]]:
    """Return the command and the first argument of each call to Redis."""
    return [(command.strip(), (key or "").strip()) for command, key in CALL.findall(code(path))]


def test_there_are_files():
    assert [path.stem for path in COMMANDS] == script_names()
    assert {path.stem for path in INCLUDES} >= {"admit", "clock", "finish"}


@pytest.mark.parametrize("flagged", [False, True])
@pytest.mark.parametrize("name", script_names())
def test_every_command_is_lua_as_redis_has_it(name, flagged):
    text = script(name).text(flagged)
    # The server takes the flags away before it reads the rest.
    lua51.LuaRuntime().compile("\n" + text.partition("\n")[2])


@named(FILES)
def test_every_file_is_lua_by_itself(path):
    lua51.LuaRuntime().compile(path.read_text("utf-8"))


@named(FILES)
def test_no_variable_is_global(path):
    # The server refuses to create one; at the top of a script it would only show when that line runs.
    assigned = re.findall(r"^\s*([a-z_]\w*(?:, [a-z_]\w*)*) = ", code(path), re.MULTILINE)
    names = {name for names in assigned for name in names.split(", ")}
    known = set(re.findall(r"\blocal (?:function )?([\w, ]+?)(?: =|\n|\(|$)", code(path)))
    local = {name for names in known for name in names.split(", ")}
    parameters = {name for names in re.findall(r"function \w*\(([^)]*)\)", code(path)) for name in names.split(", ")}
    loops = {name for names in re.findall(r"\bfor ([\w, ]+?) (?:=|in)", code(path)) for name in names.split(", ")}
    declared = set(script(path.stem).args) if path in COMMANDS else set()
    assert names <= local | parameters | loops | declared


@named(FILES)
def test_keys_are_written_by_name(path):
    assert "KEYS" not in code(path)
    assert set(re.findall(r"\bkey\.(\w+)", code(path))) <= set(KEYS)
    assert not re.search(r"['\"][^'\"]*[{}]:", code(path)), "the name of a key is written out"


@named(FILES)
def test_only_plain_commands_of_redis_are_called(path):
    commands = {command.strip("'") for command, _ in calls(path) if command.startswith("'")}
    chunked = set(re.findall(r"each_chunk\('(\w+)'", code(path)))
    either = {name for pair in re.findall(r"'(\w+)' or '(\w+)'", code(path)) for name in pair if name.isupper()}
    assert commands | chunked | either <= WRITING | READING | OTHER
    assert {command for command, _ in calls(path) if not command.startswith("'")} <= {"command"}


@named(FILES)
def test_nothing_is_used_that_differs_between_servers_or_damages_numbers(path):
    assert [word for word in AVOIDED if word in code(path)] == []


@named(FILES)
def test_no_key_is_put_together_but_the_channel_that_tells_of_an_end(path):
    for command, key in calls(path):
        if command == "'TIME'":
            assert key == ""
        elif ".." in key:
            assert (command, key.partition(" ")[0]) == ("'PUBLISH'", "key.finished")
            assert key in ("key.finished .. ':' .. id", "key.finished .. ':' .. job.id")
        else:
            assert re.fullmatch(r"key\.\w+|key\[(state|name)\]|line|ended|column|name|bonds|unpack\(others\)", key)


@named(INCLUDES)
def test_an_include_holds_one_function_that_is_called_like_the_file(path):
    top = [line for line in code(path).splitlines() if line and not line[0].isspace()]
    assert top[0].startswith(f"local function {path.stem}(")
    assert top[1:] == ["end"]


@named(INCLUDES)
def test_an_include_takes_what_it_needs_as_arguments(path):
    parameters = re.search(rf"local function {path.stem}\(([^)]*)\)", code(path))[1].split(", ")
    assert ("key" in parameters) is bool(tags(path).get("uses") or re.search(r"\(key\b", code(path).partition("\n")[2]))
    assert "ARGV" not in code(path)


@named(INCLUDES)
def test_an_include_says_which_keys_it_uses_itself(path):
    own = set(re.findall(r"\bkey\.(\w+)", code(path)))
    if "key[state]" in code(path):
        own |= {"completed", "failed", "cancelled"}
    declared = {name for names in tags(path).get("uses", []) for name in names.split()}
    assert own == declared


@named(COMMANDS)
def test_a_command_says_what_it_returns_and_whether_it_may_be_repeated(path):
    assert len(tags(path)["returns"]) == 1
    assert tags(path)["returns"] != [""]
    assert tags(path)["repeat"] == ["safe"]


@named(COMMANDS)
def test_a_command_declares_no_more_than_it_uses(path):
    source = script(path.stem).source
    used = set(re.findall(r"\bkey\.(\w+)", source))
    if re.search(r"\bkey\[(state|ARGV\[at\])\]", source):  # those of jobs that have ended
        used |= {"completed", "failed", "cancelled"}
    assert set(script(path.stem).keys) == used
    body = source.partition("\n")[2]
    for arg in script(path.stem).args:
        assert re.search(rf"\b{arg}\b", body)
    assert bool(script(path.stem).group) is ("rest" in re.findall(r"\w+", code(path)))


@named(FILES)
def test_every_include_is_used(path):
    body = code(path)
    for include in re.findall(r"^--@include (\w+)$", path.read_text("utf-8"), re.MULTILINE):
        assert re.search(rf"\b{include}\(", body)


def test_every_include_is_included():
    included = {
        name for path in FILES for name in re.findall(r"^--@include (\w+)$", path.read_text("utf-8"), re.MULTILINE)
    }
    assert included == {path.stem for path in INCLUDES}


@named(COMMANDS)
def test_a_command_that_says_it_does_not_write_does_not(path):
    source = script(path.stem).source
    writes = {word for word in re.findall(r"'([A-Z]+)'", source) if word in WRITING}
    assert not ("no-writes" in script(path.stem).flags and writes)
    assert writes or "no-writes" in script(path.stem).flags
