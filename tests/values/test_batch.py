"""How many jobs are run in one call, and which functions can be called with many."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from jobqueue import Batch, InvalidArguments, InvalidOption, JobQueue, Snooze, UnknownOption
from jobqueue.signature import ItemSignature


def test_a_batch_is_a_value():
    assert Batch(100, timedelta(seconds=0.5)) == Batch(size=100, wait=0.5)
    assert hash(Batch(1, 0)) == hash(Batch(1, 0.0))
    with pytest.raises(AttributeError):
        Batch(1, 0).size = 2


@given(st.integers(1, 1000), st.floats(0, 60))
def test_every_size_and_wait_within_the_limits_will_do(size, wait):
    assert (Batch(size, wait).size, Batch(size, wait).wait) == (size, wait)


@pytest.mark.parametrize(
    ("size", "wait", "message"),
    [
        (0, 1, "from 1 to 1,000, not 0"),
        (1001, 1, "not 1001"),
        (True, 1, "not True"),
        (1.5, 1, "not 1.5"),
        ("5", 1, "not '5'"),
        (5, -1, "Batch\\(wait=...\\) must be between"),
        (5, 61, "at most 60 seconds, not 61"),
        (5, timedelta(minutes=2), "at most 60 seconds"),
        (5, "1", "a number of seconds"),
        (5, None, "a number of seconds"),
    ],
)
def test_what_cannot_work_is_refused(size, wait, message):
    with pytest.raises(InvalidOption, match=message):
        Batch(size, wait)


def good(items: list[int]) -> list[str]:
    return [str(item) for item in items]


def of_a_sequence(items: Sequence[int], /) -> Sequence[str | ValueError | Snooze]:
    return [str(item) for item in items]


def of_nothing(items: list[int]) -> None: ...


def of_errors(items: list[int]) -> list[Exception | None]:
    return [None for item in items]


def without_a_result(items: list[int]):
    return items


def later(items: "list[DefinedLater]") -> "list[DefinedLater]":
    return items


class DefinedLater(BaseModel):
    """A type that is not there when the function is."""


@pytest.mark.parametrize("function", [good, of_a_sequence, of_nothing, of_errors, without_a_result])
def test_one_item_is_one_job(function):
    signature = ItemSignature(function, "work")
    assert signature.encode([5], {}) == b'{"items":5}'
    assert signature.decode(b'{"items":5}') == ([5], {})
    with pytest.raises(InvalidArguments):
        signature.encode([[5]], {})


def test_the_result_of_an_item_is_of_its_type():
    assert ItemSignature(good, "work").decode_result(b'"5"') == "5"
    union = ItemSignature(of_a_sequence, "work")
    assert union.decode_result(union.encode_result("5")) == "5"
    with pytest.raises(ValueError, match="does not fit"):
        union.decode_result(b"5")
    assert ItemSignature(of_errors, "work").decode_result(b"null") is None


def no_parameter() -> list[int]:
    return []


def two_parameters(items: list[int], more: int) -> list[int]:
    return items


def not_annotated(items) -> list[int]:
    return items


def bare_list(items: list) -> list[int]:
    return items


def one_item(item: int) -> list[int]:
    return [item]


def a_tuple(items: tuple[int, ...]) -> list[int]:
    return list(items)


def with_a_default(items: list[int] = []) -> list[int]:  # noqa: B006  that is what is refused
    return items


def variadic(*items: list[int]) -> list[int]:
    return []


def by_name_only(*, items: list[int]) -> list[int]:
    return items


def one_result(items: list[int]) -> int:
    return len(items)


def maybe_results(items: list[int]) -> list[int] | None:
    return items


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (no_parameter, "has 0 parameters"),
        (two_parameters, "has 2 parameters"),
        (not_annotated, "must be annotated list\\[...\\], not nothing"),
        (bare_list, "not list"),
        (one_item, "'item' gets a list of items, and must be annotated list\\[...\\], not int"),
        (a_tuple, "not tuple\\[int, ...\\]"),
        (with_a_default, "without a default"),
        (variadic, "a plain one"),
        (by_name_only, "a plain one"),
        (one_result, "returns a result for each item, and is annotated list\\[...\\] or None, not int"),
        (maybe_results, "or None, not "),
    ],
)
def test_a_function_that_cannot_be_called_with_many_is_refused_where_it_is_defined(function, message):
    with pytest.raises(InvalidOption, match=message):
        JobQueue("memory://").task(batch=Batch(5, 1))(function)


def test_a_type_that_is_defined_later_is_looked_at_later():
    def work(items: "list[NotHere]") -> None: ...  # noqa: F821  that is what is tested

    signature = ItemSignature(work, "work")
    with pytest.raises(InvalidOption, match="cannot be resolved"):
        signature.prepare()
    ItemSignature(later, "later").prepare()


def test_options_that_cannot_work_are_refused():
    jobs = JobQueue("memory://")
    with pytest.raises(InvalidOption, match=r"batch must be Batch\(size=\.\.\., wait=\.\.\.\), not 100"):
        jobs.task(batch=100)(good)
    with pytest.raises(InvalidOption, match="batch must be"):
        jobs.task(batch=None)(good)
    with pytest.raises(InvalidOption, match='batch= and run="process" exclude each other'):
        jobs.task(batch=Batch(5, 1), run="process")(good)
    with pytest.raises(UnknownOption, match="did you mean 'batch'"):
        jobs.task(bach=Batch(5, 1))(good)


def test_a_batch_task_is_still_the_function():
    task = JobQueue("memory://").task(batch=Batch(5, 1))(good)
    assert task([1, 2]) == ["1", "2"]
    assert task.using(queue="other")([3]) == ["3"]
