"""What reads texts that others have written, and what may come out of it but a value.

``make fuzz`` runs the test of this for longer.
"""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from jobqueue import Retry, cron, where
from jobqueue.configuration import Configuration
from jobqueue.durations import parse_duration
from jobqueue.errors import InvalidName, InvalidOption, InvalidSchedule, InvalidURL, JobQueueError, UnknownOption
from jobqueue.fingerprint import fingerprint_of
from jobqueue.job import Counts, Execution, Specification
from jobqueue.names import check_key, check_name
from jobqueue.store import claims, explain, inspect, jobs, relay, schedules, stats
from jobqueue.store.client import SyncClient
from jobqueue.store.events import latest_events
from jobqueue.store.keys import queue_keys
from jobqueue.store.script import ScriptError, assemble
from jobqueue.store.server import masked, server_at
from jobqueue.visible import visible
from jobqueue.worker.reference import AppNotFound, AppReference

INCLUDE = "--[[ y\n@uses wait ]]\nlocal function y(key)\nend\n"

CORPUS = Path(__file__).with_name("corpus")


@dataclass(frozen=True)
class Target:
    """Something that reads.

    Attributes:
        read: is given a text.
        errors: what it may raise: it says so where it is documented.
        words: pieces that its texts are made of.
    """

    read: Callable[[bytes], Any]
    errors: tuple[type[Exception], ...]
    words: tuple[str, ...]

    def texts(self) -> st.SearchStrategy[bytes]:
        """Return texts that may go far into it."""
        pieces = st.sampled_from(self.words) | st.text(max_size=5) | st.integers().map(str)
        whole = st.lists(pieces, max_size=14).map(lambda parts: "".join(parts).encode("utf-8", "surrogatepass"))
        return whole | st.binary(max_size=40)


def text(read: Callable[[str], Any]) -> Callable[[bytes], Any]:
    """Return what reads bytes as text."""
    return lambda data: read(data.decode("utf-8", "surrogateescape"))


JSON = (
    "{", "}", "[", "]", ",", ":", '"', "null", "true", "-1", "1e999", "NaN", "\\ud800", '"task"', '"args"', '"work"',
    '"retry"', '"timeout"', '"meta"', '"at"', '{"task":"work","args":{}', '"version":', '"key":', '"due":', '"slot":',
)  # fmt: skip

_KEYS = queue_keys("jq", "mail")

_CALLS = (
    inspect.show(_KEYS, "id"), inspect.list_jobs(_KEYS, "failed", "0", 10), inspect.scan(_KEYS, "failed", "", "", 10),
    inspect.overview(_KEYS), inspect.logs(_KEYS, "id"), inspect.queue_names("jq:queues"), explain.explain(_KEYS, "id"),
    explain.pending(_KEYS, "id"), relay.dependencies(_KEYS, "id", ""), relay.relay(_KEYS), jobs.watch(_KEYS, "id"),
    claims.claim(_KEYS, "w", 1, 1), claims.heartbeat(_KEYS, "w", 30), claims.dying(_KEYS), stats.read_stats(_KEYS, 5),
    schedules.read(_KEYS), schedules.due(_KEYS), latest_events(_KEYS),
)  # fmt: skip

_CLIENT = SyncClient(server_at("redis://127.0.0.1:1"))


def _reply(data: bytes) -> None:
    """Read a reply of a script: lists of texts and numbers, which the bytes describe."""
    parts = data.split(b";")
    values: list[Any] = [int(part[:15]) if part[:15].isdigit() else part for part in parts[1:]]
    call = _CALLS[(parts[0][0] if parts[0] else 0) % len(_CALLS)]
    for reply in (values, [values], values[0] if values else None, dict.fromkeys(parts, b"1")):
        try:
            _CLIENT._read(call, reply)
        except JobQueueError:
            continue


def _configuration(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "jobqueue.toml").write_bytes(data)
        Configuration.find(Path(folder), {})


def _environment(data: bytes) -> None:
    name, _, value = data.decode("utf-8", "surrogateescape").partition("=")
    Configuration.find(Path("/nonexistent"), {f"JOBQUEUE_{name}": value})


def _retry(data: bytes) -> None:
    wire = Specification.parse(b'{"task":"work","args":{},"retry":%b}' % data).retry
    if wire is not None:
        Retry.from_wire(wire, Retry()).delay(3, ValueError())


def _url(address: str) -> None:
    shown = masked(f"redis://:canary@{address}")
    assert "canary" not in shown, shown
    assert "canary" not in masked(f"redis://{address}{'&' if '?' in address else '?'}password=canary")
    server_at(address)


def _error(message: str) -> None:
    assert len(fingerprint_of("ValueError", message, message).id) < 40
    assert not set(visible(message)) & set(map(chr, (*range(9), *range(11, 27))))


TARGETS: Mapping[str, Target] = {
    "specification": Target(Specification.parse, (ValueError,), JSON),
    "retry": Target(
        _retry, (ValueError, UnknownOption), (*JSON, '{"attempts":', '"backoff":', '{"base":', '"factor":')
    ),
    "record": Target(Execution.parse, (ValueError,), (*JSON, '["completed",', '["failed",', "1,2,", '"w",3,{')),
    "read": Target(Execution.read, (), (*JSON, '["completed",', '["failed",', "1,2,", '"w",3,{')),
    "counts": Target(Counts.parse, (), ("0 ", "1 2 3 4 5", "9" * 40, " ", "-1")),
    "replies": Target(
        _reply, (), (";", "0;", "1 2 3;", "waiting;", "failed;", "1|2|3;", '["failed",1,2,"w",3,{}];', '{"task":"a"};')
    ),
    "header": Target(
        text(lambda source: assemble("x", {"x": source, "lib/y": INCLUDE})),
        (ScriptError,),
        (
            *("--[[ ", "]]\n", "@key wait list\n", "@arg a int text\n", "@rest r 2 text\n", "@flags allow-oom\n", "@"),
            *("@repeat safe", "@returns x", "@inboxes x\n", "--@include y\n", "--@include x\n", "key.wait", "\n"),
        ),
    ),
    "cron": Target(
        text(cron.parse),
        (InvalidSchedule,),
        (*"*/-, 0LW#?@", "59", "MON", "fri", "@daily", "1-5", "*/15", "* * * * *"),
    ),
    "where": Target(
        text(where.parse),
        (InvalidOption,),
        (
            *("task", "=", "!=", "~", ">", " and ", " or ", "not ", "(", ")", "'", '"', "\\", "error~", "failed_at>"),
            *("args.x.y", "2026-11-21", "state=failed", "attempts>", "e400", "-2h"),
        ),
    ),
    "duration": Target(text(parse_duration), (InvalidOption,), (*"1hs.-e_", "30m", "ms", "inf", "nan")),
    "url": Target(
        text(_url),
        (InvalidURL,),
        (
            *("redis", "rediss", "unix", "valkey", "memory", "://", *":@/?&#[]", "hidden", "%40", "%zz", "[::1]"),
            *("db=", "password=", "ssl_cert_reqs=", "ssl_ca_certs=", "host", ":6379", "/0", "timeout=", "protocol="),
        ),
    ),
    "name": Target(text(lambda name: (check_key(name), check_name(name, "queue"))), (InvalidName,), tuple("a.:/{\n")),
    "configuration": Target(
        _configuration,
        (InvalidOption, InvalidName),
        ("url", "queues", "lease", "prefix", *"=\n\"'[]1{}", "true", '"a"', "10s", "[tool]"),
    ),
    "environment": Target(
        _environment, (InvalidOption, InvalidName), ("URL", "QUEUES", "LEASE", "LOG_LEVEL", "PROCESSES", *"=,1s-")
    ),
    "reference": Target(
        text(lambda name: AppReference.parse(name, "/")), (AppNotFound,), ("app", *":./", "jobs", ".py")
    ),
    "error": Target(text(_error), (), ("0x7f", *"'\"\n", "  File ", "line 3", "\x1b[2J", "\x1b[", "m", "1234", "/a/b")),
}
"""What is fuzzed, by the name of its folder in the corpus."""
