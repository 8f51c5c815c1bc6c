"""The tables of options are those of the code."""

import importlib
import inspect
import re
from dataclasses import fields
from typing import Any, get_args

import click
import pytest
from docs.pages import ROOT, click_commands, codes, read, section, table

from jobqueue import After, Aggregate, Dedup, Exponential, JobQueue, Keep, Limits, RateLimit, Retention, Retry
from jobqueue.configuration import PREFIX, default_of, names
from jobqueue.dedup import DedupMode
from jobqueue.dependencies import OnFailure
from jobqueue.limits import OnFull
from jobqueue.names import check_key
from jobqueue.options import BatchOptions, EnqueueOptions
from jobqueue.settings import Settings
from jobqueue.worker import Worker

PAGE = read("docs/configuration.md")
KEPT = {"1 day": 86400.0, "7 days": 7 * 86400.0}


def written(name: str) -> dict[str, str]:
    """Return the defaults in the table with this heading, as they are written, without the marks of code."""
    rows = table(PAGE, name, "type", "default", "meaning")
    return {codes(row[0])[0]: row[2].strip("`") for row in rows}


def parameters(function: Any) -> dict[str, Any]:
    """Return the defaults of a function's keyword parameters."""
    return {
        name: parameter.default
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.default is not parameter.empty
    }


def test_settings():
    defaults = written("setting")
    assert list(defaults) == list(parameters(JobQueue))
    assert {field.name for field in fields(Settings)} == set(defaults) - {"url", "now"}
    for name, default in parameters(JobQueue).items():
        if name not in ("retention", "now"):
            assert defaults[name].replace('"', "'") == repr(default), name
        if name not in ("url", "retention", "now"):
            assert getattr(Settings(), name) == default, name


def test_retention():
    assert {
        codes(row[0])[0]: Keep(KEPT[row[1]], int(row[2].replace(",", ""))) for row in table(PAGE, "state", "age")
    } == {field.name: getattr(Retention(), field.name) for field in fields(Retention)}


def test_values_with_defaults():
    for kind in (Keep, Exponential):
        assert written(kind.__name__) == {field.name: repr(field.default) for field in fields(kind)}
    defaults = written("Retry")
    assert list(defaults) == [field.name for field in fields(Retry)]
    policy = Retry()
    assert eval(defaults["attempts"]) == policy.attempts
    assert eval(defaults["backoff"], {"Exponential": Exponential}) == policy.backoff
    assert eval(defaults["on"]) == policy.on
    assert eval(defaults["never"]) == policy.never


@pytest.mark.parametrize("kind", [Dedup, Aggregate, Limits, RateLimit, After])
def test_values_that_steer(kind):
    assert list(written(kind.__name__)) == list(inspect.signature(kind).parameters)
    defaults = {name: default for name, default in written(kind.__name__).items() if default}
    assert {name: eval(default) for name, default in defaults.items()} == parameters(kind)


def test_the_words_for_what_becomes_of_a_job_are_those_that_there_are():
    meanings = {codes(row[0])[0]: row for name in ("Dedup", "Limits", "After") for row in table(PAGE, name, "type")}
    assert {word for word in codes(meanings["mode"][3]) if f"`{word}`:" in meanings["mode"][3]} == set(
        get_args(DedupMode)
    )
    assert [eval(word) for word in codes(meanings["on_full"][1])] == list(get_args(OnFull))
    assert codes(meanings["on_failure"][3]) == list(get_args(OnFailure))


def test_options_of_tasks_and_jobs():
    assert list(written("task option")) == list(BatchOptions.__annotations__)
    assert list(written("job option")) == list(EnqueueOptions.__annotations__)


def test_options_of_a_worker():
    assert written("Worker") == {name: repr(default) for name, default in parameters(Worker).items()}


def test_the_command_line_of_workers():
    rows = {codes(row[0])[-1]: row for row in table(PAGE, "option", "variable", "default")}
    commands = click_commands()
    options = {
        parameter.opts[-1]: parameter for parameter in commands["worker"].params if isinstance(parameter, click.Option)
    }
    assert set(rows) == set(options)
    for name, option in options.items():
        names, variable, default, _ = rows[name]
        assert set(codes(names)) == set(option.opts), name
        assert codes(variable) == ([option.envvar] if option.envvar else []), name
        if not option.is_flag and name != "--queues":
            assert codes(default) == [option.show_default], name
    ranges = {"--processes": "1 to 256", "--concurrency": "1 to 10,000"}
    for name, text in ranges.items():
        kind = options[name].type
        assert isinstance(kind, click.IntRange)
        assert f"{kind.min:,} to {kind.max:,}" == text
        assert text in rows[name][3]
    of_dev = {parameter.opts[-1] for parameter in commands["dev"].params if isinstance(parameter, click.Option)}
    assert of_dev == set(options) - {"--burst"}


def test_settings_of_the_environment_and_of_files():
    rows = {codes(row[0])[0]: row for row in table(PAGE, "setting", "variable", "default")}
    assert tuple(rows) == names()
    for name, (_, variable, default, _) in rows.items():
        assert codes(variable) == [PREFIX + name.upper()]
        expected = default_of(name)
        assert codes(default) == ([] if expected in (None, ()) else [str(expected)]), name
    declared = {
        parameter.envvar for command in click_commands().values() for parameter in command.params if parameter.envvar
    }
    assert declared <= {PREFIX + name.upper() for name in names()}


def test_all_variables_that_are_read_are_named():
    source = "".join(path.read_text("utf-8") for path in (ROOT / "jobqueue").rglob("*.py"))
    for variable in re.findall(r'"(JOBQUEUE_[A-Z_]+[A-Z]|REDIS_URL|NO_COLOR)"', source):
        assert f"`{variable}`" in PAGE or f"`${variable}`" in PAGE, variable


def test_fixed_limits():
    for _, value, where in table(PAGE, "limit", "value", "where"):
        [name] = codes(where)
        module, _, constant = name.rpartition(".")
        assert getattr(importlib.import_module(module), constant) == float(value.replace(",", "")), name


def test_the_limits_of_the_history_and_of_names_are_those_of_the_code():
    note = (ROOT / "jobqueue/store/lua/lib/note.lua").read_text()
    assert "lines > 20" in note
    assert "latest 20 executions" in section(PAGE, "Fixed limits")
    names = (ROOT / "jobqueue/names.py").read_text()
    assert names.count("{1,128}") == 2
    assert "1 to 128 of the characters" in PAGE
    assert check_key("@/+=") == "@/+="
    assert "may have `@ / + =` as well" in PAGE
