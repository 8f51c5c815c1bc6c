"""The page about JSON names the fields that commands print."""

import asyncio
import json
from typing import Any

from cli.commands import Shell
from docs.pages import click_commands, codes, read, table
from working import worker_of

from jobqueue import Every, JobQueue, Retry, current_job

PAGE = read("docs/json.md")
ROWS = {codes(command)[0]: fields for command, fields in table(PAGE, "command")}
OBJECTS = table(PAGE, "object", "fields")

# What is run, when all that is looked for is there. The rest is shown by the tests of each command.
RUN = {
    "status": "", "queue list": "", "queue show": "default", "queue limit": "default", "queue pause": "mail",
    "queue resume": "mail", "queue events": "mail off", "queue clean": "mail --state failed -y",
    "queue drain": "mail -y", "job list": "", "job show": "bad", "job export": "", "job timeline": "bad",
    "job logs": "good", "job replay": "good", "job cancel": "later", "explain": "good", "failed list": "",
    "failed retry": "--dry-run", "failed export": "", "events": "", "stats": "", "schedule list": "",
    "schedule show": "s", "schedule pause": "s", "schedule run": "s", "schedule backfill": "s --from -2h -y",
    "schedule preview": "@daily", "task strike": "other", "workers list": "", "workers quiet": "--all",
    "doctor": "", "health": "-q default --min-workers 9", "config show": "",
}  # fmt: skip


def fields_of(name: str) -> list[str]:
    """Return the fields that the page has for a command, with those of the one that it refers to."""
    text, found = ROWS[name].partition(";")[0], []
    if text.startswith("as `"):
        found = fields_of(codes(text)[0])
        text = text.partition("`, ")[2]
    return [*found, *(each for each in codes(_without_remarks(text)) if each not in found)]


def _without_remarks(text: str) -> str:
    while "(" in text:
        before, _, rest = text.partition("(")
        text = before + rest.partition(")")[2]
    return text


def objects(value: Any, name: str) -> list[dict[str, Any]]:
    """Return all objects, or those in an array, that stand somewhere under a name."""
    found = []
    for each in value if isinstance(value, list) else value.values() if isinstance(value, dict) else []:
        found += objects(each, name)
    if isinstance(value, dict) and name in value:
        inner = value[name]
        found += [each for each in (inner if isinstance(inner, list) else [inner]) if isinstance(each, dict)]
    return found


def test_every_command_with_json_is_on_the_page():
    with_json = {
        name for name, found in click_commands().items() if any("--json" in each.opts for each in found.params)
    }
    assert set(ROWS) == with_json | {"job export", "failed export"}


async def test_the_fields_are_those_that_are_printed(tmp_path, real_server):
    shell = Shell(tmp_path, {"JOBQUEUE_URL": real_server.url})
    jobs = JobQueue(real_server.url)

    @jobs.task(retry=Retry(2, 0))
    async def send(to: str) -> str:
        current_job().log("sending")
        if to == "bad":
            raise ValueError("no address")
        return to

    for name in ("default", "mail"):
        await jobs.queue(name).akeep_events(True)
    await jobs.queue("default").alimit(concurrency=5)
    await send.using(delay=3600, id="later").aenqueue("ada")
    await jobs.schedules.aupsert("s", send.draft("ada"), Every(hours=1))
    await jobs.schedules.atrigger("s")
    async with worker_of(jobs, queues=["default", "mail"]):
        await send.using(id="good").aenqueue("ada")
        bad = await send.using(id="bad").aenqueue("bad")
        async for _ in jobs.aended([bad], 10):
            pass
        await jobs.inspect.astats()
        commands = [(*name.split(), *words.split(), *_json(name)) for name, words in RUN.items()]
        done = await asyncio.to_thread(shell.all, *commands)
    seen: dict[str, Any] = {}
    for name, finished in zip(RUN, done, strict=True):
        assert finished.out, (name, finished.err)
        text = finished.out
        seen[name] = [json.loads(line) for line in text.splitlines()] if "export" in name else json.loads(text)
        printed = seen[name][0] if isinstance(seen[name], list) else seen[name]
        if name in ("queue limit", "config show"):
            printed = next(iter(printed.values()))
            assert set(printed) <= set(fields_of(name)), name
        else:
            assert set(printed) == set(fields_of(name)), name
    for described, fields in OBJECTS:
        for name in codes(described):
            found = objects(seen, "workers" if name in ("status", "queue show") else name)
            found = [each for each in found if name not in ("status", "queue show") or "running" in each]
            assert found, described
            assert all(set(each) <= set(codes(fields)) for each in found), (described, found[0].keys())


def _json(name: str) -> list[str]:
    return [] if "export" in name else ["--json"]
