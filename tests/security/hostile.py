"""Values that somebody would store who wants code to be run, or workers to break."""

import json
import pickle
from collections.abc import Iterator


class Bomb:
    """What runs a command when it is unpickled."""

    def __reduce__(self):
        return (__import__("os").system, ("touch /nonexistent/bomb",))


BOMB = pickle.dumps(Bomb())

NAMES = (
    "os.system", "builtins.eval", "subprocess.Popen", "a.__class__", "__main__.main", "app:jobs", "../../etc/passwd",
    "a\r\nSET x y", "a\0b", "{other}:jobs", "}", "{}", "wait", "jobs", "a b", "\x1b[2Jgone", "é", "\U0001f600", "",
    "'; redis.call('FLUSHALL') --", "%s%n", "{0.__class__.__mro__}", "a" * 200, "*", "[a-z]*", "|", "a|b", "/",
)  # fmt: skip
"""Names that no queue, task or job may have, and some that look like keys or code."""

DOTTED = tuple(name for name in NAMES if name in {"os.system", "builtins.eval", "subprocess.Popen", "a.__class__"})

TEXTS = (
    BOMB,
    b"\x80\x04\x95",
    b"cos\nsystem\n(S'true'\ntR.",
    b"!!python/object/apply:os.system ['true']",
    b"__import__('os').system('true')",
    b"{{7*7}}${7*7}<%= 7*7 %>",
    b"\xff\xfe\x00",
    b"",
    b"null",
    b"[]",
    b"{}",
    b"-1",
    b"1e999",
    b"NaN",
    b"[" * 100_000,
    b'{"a":' * 20_000,
    b'"\\ud800"',
    b"9" * 5_000,
    b"\r\n$3\r\nfoo\r\n",
    b"return redis.call('FLUSHALL')",
    b"1 2 3",
    b" ",
    b"|",
    b"||||||",
)
"""Texts for what is stored of a job: no specification, record, progress or log line is any of them."""


def specifications() -> Iterator[bytes]:
    """Yield specifications that are wrong, each in one way."""
    yield from TEXTS
    for name in NAMES:
        yield json.dumps({"task": name, "args": {}}).encode()
    whole = {"task": "add", "args": {"x": 1, "y": 2}}
    hostile = [
        None,
        True,
        -1,
        1e308,
        2**70,
        "os.system",
        [],
        {},
        {"__class__": "os.system"},
        [[[]]],
        "\x00",
        "\x1b]0;x\x07",
    ]
    for member in ("task", "args", "at", "timeout", "retry", "result_ttl", "meta", "key", "version", "schedule", "slot",
                   "due", "replay_of"):  # fmt: skip
        for value in hostile:
            yield json.dumps(whole | {member: value}).encode()
    for path in ("os.system", "builtins.eval"):
        yield json.dumps(whole | {"args": {"x": {"__reduce__": path}, "y": {"$ref": path, "py/object": path}}}).encode()
        yield json.dumps(whole | {"retry": {"on": [path], "never": [path], "backoff": path}}).encode()
