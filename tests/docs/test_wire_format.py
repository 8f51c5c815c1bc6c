"""Whoever follows the page about the wire format, and has no more than a Redis client, reaches the workers."""

import json
import re
import shlex
import subprocess
import sys
from typing import Any, get_args

import redis
from desk import Desk
from docs.pages import ROOT, blocks, codes, prose, read, section, table

from jobqueue import Counts, Execution, JobQueue, OutcomeKind
from jobqueue.dedup import DedupMode
from jobqueue.dependencies import Edge, OnFailure
from jobqueue.job import Specification
from jobqueue.outcome import Completed
from jobqueue.steering import Gathering, Steering
from jobqueue.store.claims import Settlement
from jobqueue.store.inspect import show
from jobqueue.store.keys import KEYS
from jobqueue.store.rules import limit
from jobqueue.store.script import script, script_names

PAGE = read("docs/wire-format.md")


def test_every_key_is_in_the_table_with_its_type():
    assert {codes(row[0])[0]: row[1] for row in table(PAGE, "key", "type", "what it holds")} == {
        name: kind for name, (kind, _) in KEYS.items()
    }


def test_every_member_of_a_specification_is_in_the_table():
    members = [codes(row[0])[0] for row in table(PAGE, "member", "type", "meaning")]
    assert sorted(members) == sorted({"at", *Specification._fields} - {"created_at"})
    [sample] = [block.text for block in blocks(PAGE) if block.text.startswith('{"at"')]
    parsed = Specification.parse(sample.encode())
    assert (parsed.task, parsed.timeout, parsed.created_at) == ("send", 30, 1_763_700_000_000)


def test_another_language_enqueues_with_one_script(real_server, tmp_path):
    """Run the commands of the page, with a client that knows nothing of jobqueue."""
    export, send = [block.text for block in blocks(section(PAGE, "Enqueue from another language"))]
    command, _, file = export.strip().partition(" > ")
    words = shlex.split(command)
    assert words[0] == "python"
    text = subprocess.run([sys.executable, *words[1:]], capture_output=True, check=True, cwd=tmp_path).stdout
    assert file == "add.lua"

    with redis.Redis.from_url(real_server.url) as client:
        for again in (False, True):
            for line in send.splitlines():
                program, *words = shlex.split(line)
                assert program == "redis-cli"
                reply = client.execute_command(*[text if word == "$(cat add.lua)" else word for word in words])
                if words[0] == "EVAL":
                    assert reply == ([b"invoice-4711"] if again else [])

    jobs = JobQueue(real_server.url)
    try:
        assert jobs.queues() == ("mail",)
        [found] = jobs.queue("mail").jobs("waiting")
        assert (found.id, found.task) == ("invoice-4711", "send")
        assert found.args == {"to": "a@b.c", "subject": "Minutes"}
        assert found.created_at is not None
    finally:
        jobs.close()


def test_the_script_that_is_exported_runs_on_servers_without_flags():
    assert not script("add").text(flagged=False).startswith("#!")
    send = shlex.split(blocks(section(PAGE, "Enqueue from another language"))[1].text)
    count = int(send[send.index("$(cat add.lua)") + 1])
    first = send.index("$(cat add.lua)") + 2
    assert send[first : first + count] == [f"{{jq:mail}}:{name}" for name in script("add").keys]


def test_another_language_runs_a_job_by_the_protocol(real_server):
    """Follow the steps of the page with a client that knows nothing but the texts of the scripts."""
    worker = "elsewhere.1.abcdefgh"
    jobs = JobQueue(real_server.url)
    handle = jobs.queue("mail").enqueue("send", {"to": "a@b.c"})
    with redis.Redis.from_url(real_server.url) as client:

        def run(name: str, *arguments: object) -> Any:
            keys = [f"{{jq:mail}}:{key}" + (f":{worker}" if key == "inbox" else "") for key in script(name).keys]
            text = script(name).text(flagged=True)
            return client.execute_command("EVAL", text, len(keys), *keys, "", *arguments)

        assert run("register", worker, 30_000, '{"host":"elsewhere"}') == 1
        assert run("heartbeat", worker, 30_000, 0) == [1, b""]
        moved = client.execute_command("BLMOVE", "{jq:mail}:wait", f"{{jq:mail}}:inbox:{worker}", "RIGHT", "LEFT", 3)
        assert moved == handle.id.encode()
        first = run("claim", worker, 1, 10, 0)
        assert run("claim", worker, 1, 10, 0)[4:] == first[4:]
        lease, _, verdicts, vanished, job_id, token, specification, counters = first
        assert (lease, verdicts, vanished, job_id, counters) == (1, b"-", 0, moved, b"")
        assert json.loads(specification)["args"] == {"to": "a@b.c"}
        assert run("tell", job_id, token, "0.5", 65_536, 0, '"half"') == 1
        assert handle.info().progress == 0.5
        assert run("settle", worker, 2, 0, 3, 1, job_id, token, "completed", -1, '"sent"')[2] == b"1"
        assert run("settle", worker, 3, 0, 3, 2, job_id, token, "completed", -1, '"again"')[2] == b"0"
        assert run("reap", worker, 1, "interrupted", '"the worker shut down"', "0", 3, 11, 600_000) == [b"0", 0, 0]
        assert handle.result(timeout=5) == "sent"
        assert [line.text for line in handle.logs()] == ["half"]
        assert jobs.queue("mail").info().workers == ()
    jobs.close()


def test_every_event_that_is_noted_is_in_the_table_of_notes():
    named = [name for row in table(section(PAGE, "Notes"), "event", "detail") for name in codes(row[0])]
    texts = [path.read_text("utf-8") for path in (ROOT / "jobqueue/store/lua").rglob("*.lua")]
    noted = {event for text in texts if "jot(key" in text for event in re.findall(r"\{id, '(\w+)'", text)}
    [settle] = [text for text in texts if "{id, kind, run" in text]
    by_outcome = {"snoozed", "limited", "parked", "blocked"}
    assert settle.count("{id, kind, run") == len(by_outcome)
    assert sorted(named) == sorted(noted | by_outcome)


def test_the_samples_of_stored_texts_are_read():
    [record] = [block.text for block in blocks(section(PAGE, "Records"))]
    execution = Execution.parse(record.encode())
    assert (execution.outcome, execution.result) == (OutcomeKind.COMPLETED, b'"Minutes to a@b.c"')

    [attempts] = [block.text for block in blocks(section(PAGE, "Attempts"))]
    counters, *history = attempts.encode().splitlines()
    assert Counts.parse(counters) == Counts(failures=1, interrupted=1)
    assert [Execution.parse(line).outcome for line in history] == [OutcomeKind.RETRIED, OutcomeKind.INTERRUPTED]

    [logs] = [block.text for block in blocks(section(PAGE, "Logs"))]
    head, *lines = logs.splitlines()
    assert head.split() == ["1763700000120001", str(len(lines))]
    assert [json.loads(line)[1] for line in lines] == ["attempt 1", "done"]


def test_what_is_stored_looks_like_that(client, keys):
    """Look at the keys themselves after a claim and a settlement."""
    desk = Desk(client, keys, "web1.412.x7Kq21Zd")
    jobs = JobQueue(prefix=keys.prefix, queue=keys.queue)
    jobs.connections._sync = client
    names = script("add").keys
    client.redis.execute_command(
        "EVAL", script("add").text(flagged=False), len(names), *[keys[name] for name in names],
        "1763700000000", "one", '{"task":"send","args":{}}', "",
    )  # fmt: skip
    [job] = desk.claim().jobs
    assert re.fullmatch(rb"\d{16} 1763700000000 web1\.412\.x7Kq21Zd", client.redis.hget(keys["active"], "one"))
    assert re.fullmatch(rb"1 - \d{16} one", client.redis.hget(keys["claims"], desk.worker))
    desk.settle(Settlement(job.id, job.token, Completed(b'"done"')))
    record = json.loads(client.redis.hget(keys["outcomes"], "one"))
    assert record == ["completed", 1_763_700_000_000, 1_763_700_000_000, desk.worker, job.token, "done"]
    assert not client.redis.exists(keys["attempts"])


def test_every_outcome_is_in_the_table_of_settlements():
    named = [name for row in table(PAGE, "outcome", "number", "body") for name in codes(row[0])]
    # A job that expires is not settled: no worker had it.
    assert sorted(named) == sorted(kind.value for kind in OutcomeKind if kind is not OutcomeKind.EXPIRED)


def test_every_outcome_that_is_recorded_is_in_the_table_of_records():
    named = [name for row in table(PAGE, "outcome", "body") for name in codes(row[0])]
    only_counted = {OutcomeKind.SNOOZED, OutcomeKind.LIMITED, OutcomeKind.PARKED, OutcomeKind.BLOCKED}
    assert sorted(named) == sorted(kind.value for kind in OutcomeKind if kind not in only_counted)


def test_every_word_that_steers_a_job_is_in_the_table():
    gathering = Gathering(size=100, max_delay=60, start=3, end=2, count=1, most=4096)
    dedup = ("aggregate", 1.5, "greet:1")
    steering = Steering(5, True, "acme", 5, dedup, gathering, (Edge("mail", "j1", "fail"), Edge("load", "j2", "run")))
    sent = dict(word.split("=", 1) for word in steering.to_wire().split(" "))
    rows = table(section(PAGE, "Steer a job"), "word", "meaning")
    shown = dict(codes(row[0])[0].split("=", 1) for row in rows)
    assert list(shown) == list(sent)
    assert (shown["priority"], shown["lifo"], shown["key"], shown["expires"]) == ("5", "1", "acme", "+5000")
    assert [shown[name] for name in ("priority", "lifo", "key", "expires")] == [
        sent[name] for name in ("priority", "lifo", "key", "expires")
    ]
    assert sent["dedup"] == "aggregate:1500:greet:1"
    assert sent["gather"] == "100:60000:3:2:1:4096"
    assert sent["after"] == "fail:mail/j1,run:load/j2"
    meanings = {name: set(codes(row[1])) for name, row in zip(shown, rows, strict=True)}
    assert meanings["dedup"] == {*get_args(DedupMode), "aggregate"}
    assert meanings["after"] == set(get_args(OnFailure))


def test_another_language_steers_jobs_with_another_script(client, keys):
    """Add jobs as the page says, with a client that knows nothing but the text of the script."""
    found = script("add_steered")

    def add(*jobs: str, whole: int = 0) -> list[str]:
        names = [keys[name] for name in found.keys]
        arguments = [len(names), *names, "", whole, "", 0, *jobs]
        reply = client.redis.execute_command("EVAL", found.text(flagged=False), *arguments)
        return [part.decode() for part in reply]

    words = "priority=5 key=acme expires=+5000 dedup=until_done:0:greet"
    first = ("a", '{"task":"greet","args":{},"key":"acme"}', "", words)
    assert add(*first) == []
    assert add(*first) == ["a", "existed", "a"]
    assert add("b", '{"task":"greet"}', "", "dedup=until_done:0:greet") == ["b", "duplicate", "a"]
    assert add("c", '{"task":"greet"}', "", "after=fail:mail/a", "d", '{"task":"greet"}', "", "after=run:mail/c") == []
    assert add("e", '{"task":"greet"}', "", "", "f", '{"task":"greet"}', "", "after=fail:mail/no") == [
        "f",
        "unknown",
        "no",
    ]
    client.run(limit(keys, "queue", {"max_size": "3", "on_full": "block 5000"}))
    assert add("e", '{"task":"greet"}', "", "") == ["e", "full", "5000"]
    assert add("e", '{"task":"greet"}', "", "", "f", '{"task":"greet"}', "", "", whole=1) == ["e", "full", "5000"]
    states = {job_id: client.run(show(keys, job_id)) for job_id in ("a", "b", "c", "d", "e", "f")}
    assert {job_id: job and job.state.value for job_id, job in states.items()} == {
        "a": "waiting", "b": None, "c": "blocked", "d": "blocked", "e": None, "f": None,
    }  # fmt: skip
    job = states["a"]
    assert job is not None
    assert (job.priority, job.key, job.dedup) == (5, "acme", "until_done greet")
    assert job.expires_at is not None


def test_items_are_gathered_by_where_they_lie_in_the_specification(client, keys):
    """Count the bytes of the word ``gather`` as the page says."""
    found = script("add_steered")
    for number, items in enumerate((["x"], ["y", "z"])):
        inner = json.dumps(items, separators=(",", ":"))[1:-1]
        specification = f'{{"task":"load","args":{{"rows":[{inner}]}},"timeout":5}}'
        start = len(specification) - specification.index(inner)
        words = f"dedup=aggregate:1000:load gather=100:60000:{start}:{start - len(inner)}:{len(items)}:4096"
        names = [keys[name] for name in found.keys]
        job = (f"j{number}", specification, "", words)
        client.redis.execute_command("EVAL", found.text(flagged=False), len(names), *names, "", 0, "", 0, *job)
    job = client.run(show(keys, "j0"))
    assert job is not None
    assert job.args == {"rows": ["x", "y", "z"]}
    assert Specification.parse(job.specification).timeout == 5


def test_a_script_finds_the_task_in_a_specification_that_is_written_like_the_page_says():
    assert '`"task":"send"` without white space' in PAGE
    assert """'"task":"([^"]*)"'""" in (ROOT / "jobqueue/store/lua/lib/task_of.lua").read_text("utf-8")


def test_scripts_are_named_with_their_arguments():
    called = dict(re.findall(r"`(\w+)\((worker|limit|id|request)[^`]*\)`", prose(PAGE)))
    assert {"register", "heartbeat", "claim", "settle", "reap", "promote", "prune", "tell", "relay"} <= set(called)
    for name, arguments in re.findall(r"`(\w+)\(([\w, .]*)\)`", prose(PAGE)):
        if name in script_names():
            given = [word.split()[0] for word in arguments.split(", ") if word and "..." not in word]
            assert tuple(given) == script(name).args[: len(given)], name
            assert len(given) == len(script(name).args), name
