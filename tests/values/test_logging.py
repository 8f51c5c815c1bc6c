"""How log lines look."""

import json
import logging
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from jobqueue.outcome import Parked
from jobqueue.worker import restraint
from jobqueue.worker.log import WorkerLog
from jobqueue.worker.logging import JsonFormatter


def record(message: str = "job %s ended", *args: object, error: BaseException | None = None, **extra: object):
    """Return the record of a line."""
    exc_info = (type(error), error, error.__traceback__) if error else None
    made = logging.LogRecord("jobqueue.worker", logging.WARNING, "worker.py", 5, message, args or ("j1",), exc_info)
    vars(made).update(extra)
    return made


def test_a_line_is_one_json_object():
    made = record()
    made.created = datetime(2030, 1, 1, 12, 30, 15, 123456, tzinfo=UTC).timestamp()
    assert json.loads(JsonFormatter().format(made)) == {
        "time": "2030-01-01T12:30:15.123+00:00",
        "level": "warning",
        "logger": "jobqueue.worker",
        "process": made.process,
        "message": "job j1 ended",
    }


def test_the_fields_of_a_job_are_members_of_their_own_and_others_are_left_out():
    made = record(job_id="j1", task="greet", queue="mail", attempt=2, secret="x")
    line = json.loads(JsonFormatter().format(made))
    assert (line["job_id"], line["task"], line["queue"], line["attempt"]) == ("j1", "greet", "mail", 2)
    assert "secret" not in line


@pytest.mark.parametrize("message", ["two\nlines", '"quoted"', "\u2028", "\udcff", "{}"])
def test_whatever_is_said_it_is_one_line(message):
    line = JsonFormatter().format(record("%s", message))
    assert line.isascii()
    assert len(line.splitlines()) == 1
    assert json.loads(line)["message"] == message


def test_an_exception_is_a_member_with_its_traceback():
    with pytest.raises(ZeroDivisionError) as caught:
        _ = 1 / 0
    text = json.loads(JsonFormatter().format(record(error=caught.value)))["exception"]
    assert text.startswith("Traceback (most recent call last):")
    assert text.endswith("ZeroDivisionError: division by zero")


def test_a_field_that_has_no_form_in_json_is_shown_as_text():
    assert json.loads(JsonFormatter().format(record(queue={1, 2})))["queue"] == "{1, 2}"


@pytest.mark.parametrize(("log_format", "shown"), [("text", "WARNING"), ("json", '"level": "warning"')])
def test_the_log_of_a_process_goes_to_stderr_from_the_level_on(log_format, shown):
    program = f"""
import logging
from jobqueue.worker.logging import set_up_logging
set_up_logging("info", {log_format!r})
logging.getLogger("jobqueue.worker").debug("too fine")
logging.getLogger("jobqueue.worker").warning("something")
logging.getLogger("another").info("not ours")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert shown in line
    assert "something" in line


def test_what_comes_again_is_said_once_and_what_is_too_much_is_summed_up(caplog):
    log = WorkerLog()
    for _ in range(50):
        for number in range(restraint.A_MINUTE * 3):
            log.parked("mail", f"j{number}", Parked("-", "1", "it is not trusted"))
            log.schedule_unreadable("mail", f"s{number}", ValueError("what?"))
    assert caplog.text.count("is parked, because") == caplog.text.count("is left to other workers:") == 100
    assert len(caplog.records) == 202
    assert "`jobqueue job list --state parked` shows them" in caplog.text
    caplog.clear()
    other = WorkerLog()
    for reason in ("no task 'a' is known here", "it is not trusted", "no task 'a' is known here"):
        other.parked("mail", "j1", Parked("-", "1", reason))
    assert len(caplog.records) == 2, "another reason is said"


def test_the_minute_ends_and_what_is_remembered_is_bounded(monkeypatch):
    now = 5.0
    monkeypatch.setattr(restraint, "REMEMBERED", 500)
    found = restraint.Restraint(lambda: now)
    told = [found.of("q", str(number)) for number in range(1000)]
    assert (told.count("say"), told.count("sum up")) == (100, 1)
    now += 60
    assert found.of("q", "0") == "say", "it was forgotten"
    assert found.of("q", "999") == "be silent"
