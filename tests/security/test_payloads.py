"""Nothing that is stored is ever run, imported or opened, and nobody stops a worker with it."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from architecture.test_layers import ALLOWED, TREES
from cli.commands import Shell
from security.hostile import BOMB, TEXTS
from servers import RunningServer

from jobqueue import JobQueue
from jobqueue.errors import JobFailed, UnreadableResult
from jobqueue.visible import visible

PROGRAM = Path(__file__).with_name("poisoned.py")

# What the interpreter does by itself: it reads the lines of a traceback, and redis-py its own version.
HARMLESS = re.compile(
    r"socket\.connect \(.*, '[^']*/redis\.sock'\)"
    r"|open \('[^']*(\.py|/METADATA|\.zip|\.egg)', 'r', \d+\)"
    r"|os\.(listdir|scandir) \('[^']*'?,?\)"
    r"|compile \(b'[^']*', '<unknown>'\)"
)

DESERIALIZERS = {
    "pickle", "cPickle", "_pickle", "cloudpickle", "dill", "marshal", "shelve", "dbm", "yaml", "jsonpickle", "joblib",
    "copyreg", "code", "codeop", "ctypes",
}  # fmt: skip


def poisoned(server: RunningServer, what: str) -> dict:
    done = subprocess.run(
        [sys.executable, str(PROGRAM), server.url, what], capture_output=True, text=True, timeout=55, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout)


def test_no_module_can_turn_bytes_into_objects():
    assert ALLOWED["eval"] == ALLOWED["exec"] == ALLOWED["compile"] == ALLOWED["__import__"] == ALLOWED["pickle"] == []
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            modules = []
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                modules = [node.module or ""]
            found = DESERIALIZERS & {module.partition(".")[0] for module in modules}
            # The keeper of an embedded server asks the kernel to end it together with itself.
            assert found <= ({"ctypes"} if name == "store.keeper" else set()), name


def test_what_is_imported_by_name_is_what_was_typed_or_is_our_own():
    assert ALLOWED["importlib.import_module"] == ["jobqueue", "worker.reference", "cli.main"]
    assert ALLOWED["runpy"] == ["worker.reference"]


def test_payloads_are_parked_or_fail_and_cause_nothing(real_server: RunningServer):
    report = poisoned(real_server, "payloads")
    assert [event for event in report["heard"] if not HARMLESS.fullmatch(event)] == []
    assert report["after"] == [0, 2, 4, 6, 8]
    assert report["elsewhere"] == [1, 2, 3, 4, 5]
    assert report["settled"], "each of them has been parked, has failed, or has completed"
    assert report["parked"] + report["ended"] >= report["pushed"]
    assert report["wrong"] == []


@pytest.mark.parametrize("what", ["everything", "types"])
def test_hostile_values_in_every_key_cause_nothing_and_other_queues_go_on(real_server: RunningServer, what):
    report = poisoned(real_server, what)
    assert [event for event in report["heard"] if not HARMLESS.fullmatch(event)] == []
    assert report["elsewhere"] == [1, 2, 3, 4, 5]
    assert report["wrong"] == []
    assert set(report["served"]) == {"cancels", "reaps", "promotes", "relays", "returns", "works", "obeys"}
    assert [what for what, done in report["served"].items() if not done] == []


@pytest.fixture
def ended(real_server: RunningServer):
    """Return what stores a record of how a job ended, and the job."""
    jobs = JobQueue(real_server.url)

    def store(record: bytes, state: str = "completed"):
        keys, connection = jobs.keys("mail"), jobs.connections.sync_client().redis
        handle = jobs.queue("mail").enqueue("work", {}, id="the-job")
        connection.lrem(keys["wait"], 0, handle.id)
        connection.hset(keys["outcomes"], handle.id, record)
        connection.zadd(keys[state], {handle.id: 1})
        return handle

    yield store
    jobs.close()


@pytest.mark.parametrize("record", [BOMB, b"null", b"[]", b'["completed"]', b'["x",1,2,"w",3,{}]', TEXTS[6], b"1e999"])
def test_a_poisoned_record_is_an_error_of_ours_and_is_shown(ended, shell: Shell, record):
    handle = ended(record)
    with pytest.raises(UnreadableResult):
        handle.result(timeout=1)
    info = handle.info()
    assert (info.state, info.ending.error_type) == ("completed", "UnreadableRecord")


def test_an_error_is_a_text_whatever_class_it_names(ended):
    handle = ended(b'["failed",1,2,"w",3,{"type":"os.system","message":"touch /x","traceback":"t"}]', "failed")
    with pytest.raises(JobFailed) as caught:
        handle.result(timeout=1)
    assert type(caught.value) is JobFailed
    assert caught.value.error_type == "os.system"


CURSOR = "\x1b]0;title\x07\x1b[2J\x1b[1;1Hall is well\r"


def test_a_terminal_is_shown_no_sequences_of_others(ended, shell: Shell):
    body = json.dumps({"type": f"E{CURSOR}", "message": f"m{CURSOR}", "traceback": f"t{CURSOR}\nnext"})
    ended(f'["failed",1,2,"w{json.dumps(CURSOR)[1:-1]}",3,{body}]'.encode(), "failed")
    queue = ["-q", "mail"]
    commands = [
        ["job", "show", "the-job"], ["job", "list", "-s", "failed", *queue], ["failed", "list", *queue],
        ["failed", "list", "--group-by", "error"], ["job", "timeline", "the-job"], ["explain", "the-job"],
    ]  # fmt: skip
    found = shell.all(*commands)
    for words, done in zip(commands, found, strict=True):
        assert done.code in (0, 1), done.err
        assert "Traceback (most recent" not in done.err
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", done.out), words
    assert r"\x1b[2J" in found[0].out


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("a\tb\nc", "a\tb\nc"),
        ("\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m"),
        ("\x1b[2Jgone", r"\x1b[2Jgone"),
        ("over\rwritten", r"over\rwritten"),
        ("\u202eright to left", r"\u202eright to left"),
        ("\x9b31m", r"\x9b31m"),
        ("é \U0001f600", "é \U0001f600"),
    ],
)
def test_what_would_move_the_cursor_can_be_read_instead(text, shown):
    assert visible(text) == shown
