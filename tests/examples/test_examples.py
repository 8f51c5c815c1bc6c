"""Every example runs, says what it is to say, and leaves nothing behind."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from cli.commands import PROGRAM, Shell, processes_in

import jobqueue

ROOT = Path(jobqueue.__file__).parent.parent
EXAMPLES = ROOT / "examples"

# What each must print, in this order.
ESSENTIAL = {
    "first_steps": ["HELLO, ADA / Hello, Grace"],
    "mail_with_retries": [
        "sent: 'Minutes' to grace@example.org at attempt 2 of 5",
        "retried, __main__.ConnectionDropped: connection reset by peer",
        "sent: 'Minutes' to ada@example.org at attempt 2 of 5",
        "try again in 0.2 s",
        "failed: __main__.NoSuchMailbox: charles@example.org",
        "retrying send_mail(charles@example.org)",
        "sent: 'Minutes' to charles@example.org at attempt 1 of 5",
        "delivered: 3",
    ],
    "csv_import": [
        "imported 1998 rows worth 1999899.00, skipped 2",
        "line 701: 'n/a' is not an amount",
        "%, and is called off",
        "cancelled: the wrong file",
    ],
    "thumbnails": ["bridge: 32 x 16", "killed: the job took longer than its timeout of 0.5 s"],
    "recurring": [
        "two beats, 0.5 s apart",
        "it would fire at Fri 27 Mar 09:00, 08:00 UTC",
        "it would fire at Mon 30 Mar 09:00, 07:00 UTC",
        "now: the report of acme",
        "paused: paused",
    ],
    "webhooks": [
        "plain: 200 at attempt 1, 0 failures, 0 snoozes",
        "too-many: 200 at attempt 2, 1 failures, 0 snoozes",
        "maintenance: 200 at attempt 1, 0 failures, 1 snoozes",
        "no-answer: 200 at attempt 2, 1 failures, 0 snoozes",
        "the receiver has handled 4 events, each once",
    ],
    "bulk_reports": [
        "500 jobs enqueued; enqueued again, they are the same: True",
        "500 have ended",
        "500 reports, sales 23925, best customer 63",
        "tomorrow's report is cancelled",
    ],
    "search_index": [
        "250 documents indexed in 3 calls of 100, 100 and 50",
        "document 7 is empty: failed",
    ],
    "web_request": [
        "400 yearly_report(): argument 'year'",
        "202 accepted",
        "200 {'year': 2026, 'total': 158028}",
    ],
    "shop": [
        "the worker starts",
        "[4711] place_order has ended",
        "receipt over 19.90 for Ada",
        # The hook and whoever waits hear of it in either order.
        ("alarm: place_order has failed for good", "refused: shop.orders.OutOfStock"),
        "the worker has stopped",
    ],
}

REFERENCES = sorted(
    {
        (name.removeprefix("examples."), "examples." in name)
        for path in EXAMPLES.rglob("*.py")
        for name in re.findall(r"jobqueue (?:dev|worker) ([\w.]+:\w+)", path.read_text("utf-8"))
    }
)


def test_there_is_a_test_for_each_and_a_line_in_the_list():
    programs = {path.stem for path in EXAMPLES.glob("*.py")} | {path.parent.name for path in EXAMPLES.glob("*/*.py")}
    assert programs == set(ESSENTIAL)
    listed = (EXAMPLES / "README.md").read_text("utf-8")
    assert set(re.findall(r"^\| \[(\w+)", listed, re.MULTILINE)) == programs


@pytest.mark.parametrize("name", ESSENTIAL)
def test_it_runs_and_ends(name, real_server, tmp_path):
    """Run it in a folder of its own, so that what it leaves there is seen."""
    where = ["-m", name] if (EXAMPLES / name).is_dir() else [str(EXAMPLES / f"{name}.py")]
    shell = Shell(tmp_path, {"JOBQUEUE_URL": real_server.url, "PYTHONPATH": str(EXAMPLES), "TMPDIR": str(tmp_path)})
    done = subprocess.run(
        [sys.executable, "-W", "error", *where],
        cwd=tmp_path,
        env=shell.environment(PYTHONDONTWRITEBYTECODE="1"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    place = 0
    for texts in ESSENTIAL[name]:
        places = [done.stdout.find(text, place) for text in ([texts] if isinstance(texts, str) else texts)]
        assert min(places) >= 0, f"{texts!r} is not there, or not where it belongs:\n{done.stdout}{done.stderr}"
        place = max(places)
    assert "Warning" not in done.stderr
    assert processes_in(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("reference", "from_the_root"), REFERENCES)
def test_a_worker_finds_the_application(reference, from_the_root, real_server):
    """What the first lines of an example say about `jobqueue dev` is true of `jobqueue worker` as well."""
    folder = ROOT if from_the_root else EXAMPLES
    shell = Shell(folder, {"JOBQUEUE_URL": real_server.url}, (str(PROGRAM),))
    name = f"examples.{reference}" if from_the_root else reference
    done = shell("worker", name, "--burst", PYTHONDONTWRITEBYTECODE="1")
    assert done.code == 0, done.err
    assert "takes jobs from" in done.err


def test_they_need_nothing_but_the_library():
    """Check that no example imports what is not installed with it."""
    allowed = {*sys.stdlib_module_names, "jobqueue", "shop"}
    for path in EXAMPLES.rglob("*.py"):
        modules = re.findall(r"^(?:from|import) (\w+)", path.read_text("utf-8"), re.MULTILINE)
        assert set(modules) <= allowed, path.name
