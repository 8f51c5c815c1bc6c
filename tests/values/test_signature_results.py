"""How results travel."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Never, NoReturn
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from jobqueue.job import Execution
from jobqueue.signature import Signature, UnwritableResult


class Colour(Enum):
    """An enumeration."""

    RED = "red"


@dataclass
class Point:
    """A dataclass."""

    x: float
    label: str = ""


class Order(BaseModel):
    """A model."""

    number: int
    at: datetime


def returning(hint: Any) -> Signature:
    """Return the signature of a function with this annotation of its result."""

    def function(): ...

    function.__annotations__ = {"return": hint}
    return Signature(function, "function")


def travel(hint: Any, value: Any) -> Any:
    """Return a result as whoever asks for it gets it."""
    signature = returning(hint)
    record = b'["completed",1,2,"w",3,%b]' % signature.encode_result(value)
    return signature.decode_result(Execution.parse(record).result)


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (None, None),
        (int, 5),
        (int, 10**300),
        (str, "Ada"),
        (bytes, b"\xff\x00"),
        (float, float("inf")),
        (datetime, datetime(2030, 1, 1, tzinfo=UTC)),
        (timedelta, timedelta(days=5, microseconds=1)),
        (Decimal, Decimal("1.10")),
        (UUID, UUID(int=5)),
        (Colour, Colour.RED),
        (Point, Point(1.5, "a")),
        (Order, Order(number=5, at=datetime(2030, 1, 1, tzinfo=UTC))),
        (tuple[int, date], (1, date(2030, 1, 1))),
        (list[Point], [Point(1), Point(2)]),
        (dict[int, set[str]], {1: {"a"}}),
        (int | None, None),
        (Point | None, Point(1)),
        (Any, {"a": [1, 2.5, None, True]}),
    ],
)
def test_a_result_arrives_as_the_annotated_type(hint, value):
    arrived = travel(hint, value)
    assert arrived == value
    assert type(arrived) is type(value)


@given(st.dictionaries(st.integers(), st.lists(st.datetimes(timezones=st.just(UTC)) | st.none())))
def test_nested_results_arrive_as_they_were(value):
    assert travel(dict[int, list[datetime | None]], value) == value


def test_a_function_without_annotation_returns_json():
    def function(): ...

    signature = Signature(function, "function")
    assert signature.decode_result(signature.encode_result((1, Colour.RED, Point(2)))) == [
        1,
        "red",
        {"x": 2, "label": ""},
    ]


def test_what_does_not_fit_the_annotation_is_kept_all_the_same_for_the_work_is_done():
    signature = returning(int)
    text = signature.encode_result("many")
    assert text == b'"many"'
    with pytest.raises(ValueError, match=r"does not fit the annotation of function\(\)"):
        signature.decode_result(text)


def test_none_is_kept_whatever_the_annotation_says():
    assert returning(int).encode_result(None) == b"null"


@pytest.mark.parametrize("hint", [Never, NoReturn])
def test_a_function_that_never_returns_can_be_a_task(hint):
    returning(hint).prepare()


def endless() -> list[Any]:
    """Return a list that contains itself."""
    value: list[Any] = []
    value.append(value)
    return value


def deep(levels: int) -> list[Any]:
    """Return a list in a list in a list ..."""
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("hint", "make"),
    [
        (Any, object),
        (str, object),
        (Any, lambda: endless),
        (Any, lambda: "\ud800"),
        (str, lambda: "\ud800"),
        (Any, lambda: {"\ud800": 1}),
        (Any, endless),
        (list[Any], endless),
        (Any, lambda: deep(300)),
        (Any, lambda: deep(100_000)),
        (int, lambda: 10**5000),
        (Any, lambda: [10**5000]),
    ],
)
def test_a_result_that_nobody_could_read_is_refused_where_it_is_returned(hint, make):
    with pytest.raises(UnwritableResult, match=r"function\(\) returned a"):
        returning(hint).encode_result(make())


@pytest.mark.parametrize("levels", [1, 100, 190, 198, 199, 200, 201, 202])
def test_a_nested_result_can_be_read_by_all_or_is_refused(levels):
    value = deep(levels)
    try:
        text = returning(Any).encode_result(value)
    except UnwritableResult:
        assert levels > 190
        return
    record = Execution.parse(b'["completed",1,2,"w",3,%b]' % text)
    assert returning(Any).decode_result(record.result) == value
