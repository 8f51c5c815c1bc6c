"""Whatever is read that others have written: only documented errors come out, in time in proportion to its length.

What was found once, or looks as if it might be, is kept in ``corpus``, and read first.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from security.fuzzing import CORPUS, TARGETS, Target

EXAMPLES = int(os.environ.get("JOBQUEUE_FUZZ_EXAMPLES", "60"))


def check(target: Target, data: bytes) -> None:
    try:
        target.read(data)
    except target.errors:
        return


def corpus() -> Iterator[tuple[str, Path]]:
    for path in sorted(CORPUS.glob("*/*")):
        yield path.parent.name, path


def test_the_corpus_is_of_what_there_is():
    assert {name for name, _ in corpus()} <= set(TARGETS)
    assert {name for name, _ in corpus()} >= {"specification", "record", "header", "cron", "where", "url"}


@pytest.mark.parametrize(("name", "path"), [pytest.param(*case, id=f"{case[0]}-{case[1].name}") for case in corpus()])
def test_what_is_in_the_corpus(name, path):
    check(TARGETS[name], path.read_bytes())


@pytest.mark.timeout(0)
@pytest.mark.parametrize("name", TARGETS)
def test_only_documented_errors_come_out(name):
    target = TARGETS[name]

    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), database=None)
    @given(target.texts())
    def read(data: bytes) -> None:
        try:
            check(target, data)
        except Exception as error:
            error.add_note(f"keep it: tests/security/corpus/{name}/...: {data!r}")
            raise

    read()


PUMPS = (
    *(b"a", b"9", b" ", b"[", b"(", b"-", b"'", b"\\", b"a,", b"1-", b"not ", b"a=1 or ", b"@", b"%40"),
    *(b"--[[", b"\n@key ", b"\x1b["),
)
"""What is repeated many times."""


def seconds(target: Target, data: bytes) -> float:
    """Return the time of the processor that reading takes, the least of several."""
    found = []
    for _ in range(3):
        began = time.process_time()
        check(target, data)
        found.append(time.process_time() - began)
        if found[-1] < 0.005:
            break
    return min(found)


@pytest.mark.parametrize("name", sorted(set(TARGETS) - {"configuration"}))
def test_long_texts_take_time_in_proportion_to_their_length(name):
    target = TARGETS[name]
    for pump in PUMPS:
        short, long = (pump * (size // len(pump)) + b"!" for size in (16_000, 128_000))
        taken = seconds(target, long)
        # Eight times as long; what goes with the square takes 64 times as long.
        assert taken < 0.02 or taken < 24 * max(seconds(target, short), 0.0005), (pump, taken)
