"""Type checkers find every mistake in the use of the public API, and nothing else."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import jobqueue

API = Path(__file__).with_name("api.py")
ROOT = Path(jobqueue.__file__).parent.parent
MARK = re.compile(r"  # wrong: (.+)$")

LINES = API.read_text("utf-8").splitlines()
WRONG = {number: match[1] for number, line in enumerate(LINES, 1) if (match := MARK.search(line))}

Found = dict[int, str]


def start(*command: str) -> "subprocess.Popen[str]":
    """Start a checker on the file, with the settings of the project."""
    words = [sys.executable, "-m", *command, str(API)]
    return subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def by_mypy(output: str) -> Found:
    """Return what mypy found, by line."""
    return {int(line): text for line, text in re.findall(r"api\.py:(\d+): error: (.*)", output)}


def by_pyright(output: str) -> Found:
    """Return what pyright found, by line."""
    found = json.loads(output)["generalDiagnostics"]
    return {problem["range"]["start"]["line"] + 1: problem["message"] for problem in found}


CHECKERS: dict[str, tuple[tuple[str, ...], Callable[[str], Found]]] = {
    "mypy": (("mypy", "--strict", "--show-error-codes", "--no-error-summary"), by_mypy),
    "pyright": (("pyright", "--outputjson", "--pythonpath", sys.executable), by_pyright),
}


@pytest.fixture(scope="module")
def found():
    """Return what each checker found; they run side by side."""
    running = {name: start(*command) for name, (command, _) in CHECKERS.items()}
    outputs = {name: process.communicate() for name, process in running.items()}
    for name, (output, complaint) in outputs.items():
        # 1 is a file with mistakes; anything else a checker that did not work.
        assert running[name].returncode == 1, output + complaint
    return {name: read(outputs[name][0]) for name, (_, read) in CHECKERS.items()}


def test_there_are_mistakes_of_every_kind():
    kinds = set(WRONG.values())
    assert {
        "argument type",
        "a missing argument",
        "an unknown argument",
        "a mistyped option",
        "the type of an option",
        "result type",
    } <= kinds
    assert len(WRONG) == sum("# wrong:" in line for line in LINES)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("checker", CHECKERS)
def test_a_checker_finds_every_mistake(found, checker):
    assert {number: LINES[number - 1] for number in WRONG.keys() - found[checker].keys()} == {}


@pytest.mark.timeout(240)
@pytest.mark.parametrize("checker", CHECKERS)
def test_a_checker_finds_nothing_else(found, checker):
    assert {LINES[number - 1]: text for number, text in found[checker].items() if number not in WRONG} == {}
