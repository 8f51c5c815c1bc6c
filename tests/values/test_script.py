"""The loader of Lua scripts: what a header declares, and how includes come together."""

from hashlib import sha1

import pytest

from jobqueue.store.script import ScriptError, assemble, script, script_names

PLAIN = """--[[ Do something.

@key jobs hash
@key wait list
@arg worker str
@arg n int how many
@repeat safe
@returns nothing ]]
return redis.call('HGET', key.jobs, worker)
"""


def command(*tags: str, body: str = "return 1\n", includes: str = "") -> str:
    """Return the text of a command with these tags in its header."""
    lines = "".join(f"\n@{tag}" for tag in tags)
    return f"--[[ Do something.\n{lines} ]]\n{includes}{body}"


def test_a_header_declares_what_the_script_is():
    found = assemble("do", {"do": PLAIN})
    assert (found.name, found.keys, found.args) == ("do", ("jobs", "wait"), ("worker", "n"))
    assert (found.group, found.flags, found.repeatable) == (0, frozenset(), True)


def test_keys_and_arguments_become_names_in_one_line_before_the_text():
    assert assemble("do", {"do": PLAIN}).source == (
        "local key = {jobs = KEYS[1], wait = KEYS[2]} local now = ARGV[1] local worker = ARGV[2]"
        " local n = tonumber(ARGV[3])\n"
        "return redis.call('HGET', key.jobs, worker)\n"
    )


@pytest.mark.parametrize(
    ("tags", "rest"),
    [(("rest ids 1 an id",), 2), (("arg a str", "rest pairs 2 an id and a score"), 3)],
)
def test_groups_of_further_arguments_begin_after_the_named_ones(tags, rest):
    found = assemble("do", {"do": command(*tags)})
    assert found.group == int(tags[-1].split()[2])
    assert f"local rest = {rest}\n" in found.source


def test_a_script_without_keys_and_arguments():
    assert assemble("do", {"do": command()}).source == "local key = {} local now = ARGV[1]\nreturn 1\n"


@pytest.mark.parametrize(
    ("tags", "repeatable"),
    [(("repeat safe",), True), ((), False), (("repeat no",), False), (("repeat safe", "returns 1"), True)],
)
def test_only_a_script_that_says_so_may_be_sent_again(tags, repeatable):
    assert assemble("do", {"do": command(*tags)}).repeatable is repeatable


@pytest.mark.parametrize(
    ("tags", "flags"),
    [
        ((), set()),
        (("flags allow-oom",), {"allow-oom"}),
        (("flags no-writes",), {"no-writes"}),
        (("flags allow-oom", "flags no-writes"), {"allow-oom", "no-writes"}),
    ],
)
def test_flags_are_a_first_line_for_servers_that_know_them(tags, flags):
    found = assemble("do", {"do": command(*tags)})
    assert found.flags == flags
    assert found.text(flagged=True).splitlines()[0] == f"#!lua flags={','.join(sorted(flags))}"
    first = found.text(flagged=False).splitlines()[0]
    # A write that Redis 6.2 does not refuse when it is full, so that it does not refuse those that follow.
    assert first == ("redis.call('PERSIST', KEYS[1])" if "allow-oom" in flags else "")
    assert found.text(flagged=True).endswith(found.source)
    assert found.text(flagged=False).endswith(found.source)
    for flagged in (False, True):
        assert found.sha(flagged) == sha1(found.text(flagged).encode()).hexdigest()


def test_a_line_has_the_same_number_with_flags_and_without():
    found = assemble("do", {"do": PLAIN})
    assert found.text(flagged=True).count("\n") == found.text(flagged=False).count("\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("return 1\n", r"do\.lua: the file must begin with a header"),
        ("\n--[[ Do something. ]]\nreturn 1\n", r"do\.lua: the file must begin with a header"),
        ("-- Do something.\nreturn 1\n", r"do\.lua: the file must begin with a header"),
        (command("keys jobs hash"), r"do\.lua: unknown tag @keys"),
        (command("uses jobs"), r"do\.lua: unknown tag @uses"),
        (command("flags allow-omm"), r"do\.lua: unknown flags \['allow-omm'\]"),
        (command("flags allow-oom, no-writes"), r"do\.lua: unknown flags"),
        (command("key job hash"), r"do\.lua: @key job hash: not a name and type"),
        (command("key jobs list"), r"do\.lua: @key jobs list: not a name and type"),
        (command("key jobs"), r"do\.lua: @key jobs: not a name and type"),
        (command("key jobs hash of jobs"), r"do\.lua: @key jobs hash of jobs: not a name and type"),
        (command("arg id"), r"do\.lua: @arg id: write a name, str or int"),
        (command("arg id text"), r"do\.lua: @arg id text: write a name, str or int"),
        (command(body="return key.jobs\n"), r"do\.lua: uses keys it does not declare: \['jobs'\]"),
        (command("key jobs hash", body="return key.jobs, key.wait\n"), r"not declare: \['wait'\]"),
        (command("rest"), r"do\.lua: @rest"),
        (command("rest ids"), r"do\.lua: @rest ids"),
        (command("rest ids many"), r"do\.lua: @rest ids many"),
        (command("rest ids 0"), r"do\.lua: @rest ids 0"),
        (command("rest ids 1", "rest pairs 2"), r"do\.lua: @rest"),
        (command(includes="-- @include first\n"), r"do\.lua:3: write --@include NAME"),
        (command(includes="--@include first.lua\n"), r"do\.lua:3: write --@include NAME"),
        (command(includes="--@include first, second\n"), r"do\.lua:3: write --@include NAME"),
    ],
)
def test_a_script_that_breaks_its_contract_is_refused(text, message):
    with pytest.raises(ScriptError, match=message):
        assemble("do", {"do": text})


def test_what_stands_in_the_header_is_not_the_use_of_a_key():
    assert assemble("do", {"do": "--[[ Leave key.jobs alone. ]]\nreturn 1\n"}).keys == ()


LIB = {
    "lib/first": "--[[ Come first. ]]\nlocal function first() end\n",
    "lib/second": "--[[ Come second.\n@uses jobs ]]\n--@include first\nlocal function second() return key.jobs end\n",
    "lib/third": "--[[ Come third. ]]\n--@include second\n--@include first\nlocal function third() end\n",
}


def test_the_keys_of_a_command_are_its_own_and_then_those_that_its_includes_use():
    texts = {
        "lib/deep": "--[[ Go deep.\n@uses ghosts\n@uses delayed ]]\nlocal function deep() end\n",
        "lib/high": "--[[ Go high.\n@uses meta jobs held ]]\n--@include deep\nlocal function high() end\n",
        "lib/none": "--[[ Use none. ]]\n--@include deep\nlocal function none() end\n",
    }
    includes = "--@include high\n--@include none\n"
    found = assemble("do", {"do": command("key wait list", "key jobs hash", includes=includes), **texts})
    assert found.keys == ("wait", "jobs", "ghosts", "delayed", "meta", "held")
    places = ", ".join(f"{name} = KEYS[{place}]" for place, name in enumerate(found.keys, 1))
    assert found.source.startswith(f"local key = {{{places}}} local now")


def test_the_keys_of_an_include_are_those_of_a_command_that_has_none_of_its_own():
    assert assemble("do", {"do": command(includes="--@include third\n"), **LIB}).keys == ("jobs",)


def test_an_include_comes_once_after_what_it_needs_and_before_what_needs_it():
    text = command("key jobs hash", includes="--@include third\n--@include first\n", body="return third()\n")
    assert assemble("do", {"do": text, **LIB}).source == (
        "local key = {jobs = KEYS[1]} local now = ARGV[1]\n"
        "local function first() end\n"
        "local function second() return key.jobs end\n"
        "local function third() end\n"
        "return third()\n"
    )


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"do": command(includes="--@include fourth\n")}, r"do\.lua: there is no lib/fourth\.lua to include"),
        (
            {"do": command(includes="--@include a\n"), "lib/a": "--[[ A. ]]\n--@include b\n"},
            r"lib/a\.lua: there is no lib/b\.lua to include",
        ),
        (
            {
                "do": command(includes="--@include a\n"),
                "lib/a": "--[[ A. ]]\n--@include b\n",
                "lib/b": "--[[ B. ]]\n--@include a\n",
            },
            r"do\.lua: includes go in a circle: do -> lib/a -> lib/b -> lib/a",
        ),
        (
            {"do": command(includes="--@include a\n"), "lib/a": "--[[ A. ]]\n--@include a\n"},
            r"includes go in a circle: do -> lib/a -> lib/a",
        ),
        ({"do": command(includes="--@include a\n"), "lib/a": "local x\n"}, r"lib/a\.lua: .* must begin with a header"),
        (
            {"do": command("key jobs hash", includes="--@include a\n"), "lib/a": "--[[ A. ]]\nreturn key.jobs\n"},
            r"lib/a\.lua: uses keys it does not declare: \['jobs'\]",
        ),
        # What somebody else declares, nobody else may use: neither who includes it, nor what stands beside it.
        (
            {"do": command(includes="--@include second\n", body="return key.jobs\n")},
            r"do\.lua: uses keys it does not declare: \['jobs'\]",
        ),
        (
            {
                "do": command(includes="--@include a\n"),
                "lib/a": "--[[ A.\n@uses wait ]]\n--@include second\nreturn key.wait, key.jobs\n",
            },
            r"lib/a\.lua: uses keys it does not declare: \['jobs'\]",
        ),
        (
            {
                "do": command(includes="--@include second\n--@include a\n"),
                "lib/a": "--[[ A. ]]\nreturn key.jobs\n",
            },
            r"lib/a\.lua: uses keys it does not declare: \['jobs'\]",
        ),
        (
            {"do": command(includes="--@include a\n"), "lib/a": "--[[ A.\n@needs jobs ]]\n"},
            r"lib/a\.lua: unknown tag @needs",
        ),
        (
            {"do": command(includes="--@include a\n"), "lib/a": "--[[ A. ]]\n --@include b\n"},
            r"lib/a\.lua:2: write --@include NAME",
        ),
        (
            {"do": command(includes="--@include a\n"), "lib/a": "--[[ A.\n@uses job ]]\n"},
            r"lib/a\.lua: uses unknown keys: \['job'\]",
        ),
    ],
)
def test_includes_that_do_not_come_together_are_refused(texts, message):
    with pytest.raises(ScriptError, match=message):
        assemble("do", {**LIB, **texts})


def test_every_line_knows_where_it_came_from():
    text = command("key jobs hash", includes="--@include second\n", body="local x = 1\n\nreturn x\n")
    texts = {"do": text, **LIB}
    found = assemble("do", texts)
    lines = found.source.splitlines()
    assert len(found.origin) == len(lines)
    assert found.origin[0] == ("do.lua", 0)
    for (file, number), line in list(zip(found.origin, lines, strict=True))[1:]:
        assert texts[file.removesuffix(".lua")].splitlines()[number - 1] == line


@pytest.mark.parametrize("name", script_names())
def test_every_script_of_the_library_comes_together(name):
    found = script(name)
    assert found.name == name
    assert found is script(name)
    assert "--@include" not in found.source
    assert len(found.origin) == len(found.source.splitlines())


def test_there_are_scripts_and_the_includes_are_not_among_them():
    assert {"add", "claim", "settle", "reap", "promote", "prune"} <= set(script_names())
    assert "admit" not in script_names()
