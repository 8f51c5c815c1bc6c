"""Values arrive as they were sent, or are refused before they are."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, IntFlag, StrEnum
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, Optional, TypedDict
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
import typing_extensions
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AfterValidator, BaseModel, Field, PlainSerializer, SecretStr
from pydantic_core import to_json

from jobqueue.errors import InvalidArguments, InvalidOption
from jobqueue.job import Specification, specification_text
from jobqueue.signature import Signature


class Colour(Enum):
    """An enumeration of texts."""

    RED = "red"
    BLUE = "blue"


class Size(IntEnum):
    """An enumeration of numbers."""

    SMALL = 1
    LARGE = 2


class Mood(StrEnum):
    """An enumeration of texts that are texts."""

    GOOD = "good"


class Rights(IntFlag):
    """Flags."""

    READ = 1
    WRITE = 2


class Mixed(Enum):
    """An enumeration whose values look the same as keys."""

    NUMBER = 1
    TEXT = "1"


class Place(Enum):
    """An enumeration of what JSON has no form for."""

    HERE = (1, 2)
    THERE = (3, 4)


class Day(Enum):
    """Another one."""

    NEW_YEAR = date(2030, 1, 1)


@dataclass
class Point:
    """A dataclass."""

    x: float
    at: datetime | None = None
    labels: list[str] = field(default_factory=list)


class Order(BaseModel):
    """A model."""

    number: int
    at: datetime
    places: dict[str, Point] = {}


class Express(Order):
    """A narrower model."""

    hours: int = 24


class Version(NamedTuple):
    """A named tuple."""

    major: int
    minor: int


class Line(TypedDict):
    """A dict with known keys."""

    at: datetime
    count: NotRequired[int]


class Page(TypedDict, total=False):
    """A dict that holds others."""

    first: Line
    lines: list[Line]


class Line2(typing_extensions.TypedDict):
    """The same from typing_extensions."""

    at: datetime
    count: typing_extensions.NotRequired[int]


class Tree(TypedDict):
    """A dict that holds its like."""

    children: "list[Tree]"


NEW_YEAR = datetime(2030, 1, 1, 12, 30, 15, 123456, tzinfo=UTC)
AMSTERDAM = ZoneInfo("Europe/Amsterdam")
# Half past two happens twice that night, and such times are never equal to any of another zone.
TWICE = datetime(2024, 10, 27, 2, 30, tzinfo=AMSTERDAM)


def taking(hint: Any) -> Signature:
    """Return the signature of a function with a parameter of a type."""

    def function(value): ...

    function.__annotations__ = {"value": hint}
    return Signature(function, "function")


def travel(hint: Any, value: Any) -> Any:
    """Return a value as the worker gets it."""
    signature = taking(hint)
    stored = specification_text("function", signature.encode((value,), {}))
    args, kwargs = signature.decode(to_json(Specification.parse(stored).args))
    assert args == []
    return kwargs["value"]


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (int, 0),
        (int, -(2**63) - 1),
        (int, 10**300),
        (float, 0.1),
        (float, -0.0),
        (float, math.inf),
        (float, -math.inf),
        (bool, True),
        (str, ""),
        (str, 'a"\\\n\x00\x7f\u2028\U0001f600'),
        (bytes, b""),
        (bytes, bytes(range(256))),
        (None, None),
        (datetime, NEW_YEAR),
        (datetime, NEW_YEAR.replace(tzinfo=None)),
        (datetime, NEW_YEAR.astimezone(AMSTERDAM)),
        (datetime, NEW_YEAR.astimezone(timezone(-timedelta(hours=3, minutes=30)))),
        (datetime, datetime.min),  # noqa: DTZ901  without a zone
        (datetime, datetime.max),  # noqa: DTZ901  without a zone
        (date, date(2030, 1, 1)),
        (time, time(12, 30, 15, 5)),
        (time, time(12, 30, tzinfo=UTC)),
        (timedelta, timedelta.max),
        (timedelta, timedelta(microseconds=-1)),
        (Decimal, Decimal("1.10")),
        (Decimal, Decimal("-1E+300")),
        (UUID, UUID(int=5)),
        (Colour, Colour.RED),
        (Size, Size.LARGE),
        (Mood, Mood.GOOD),
        (Rights, Rights.READ | Rights.WRITE),
        (Mixed, Mixed.NUMBER),
        (Mixed, Mixed.TEXT),
        (Literal["a", 1], 1),
        (PurePosixPath, PurePosixPath("/a/b")),
        (complex, 1 + 2j),
        (Version, Version(1, 2)),
        (Point, Point(1.5, NEW_YEAR, ["a"])),
        (Order, Order(number=1, at=NEW_YEAR, places={"a": Point(1)})),
        (Line, {"at": NEW_YEAR}),
        (Line, {"at": NEW_YEAR, "count": 5}),
        (Line2, {"at": NEW_YEAR, "count": 5}),
        (Page, {"first": {"at": NEW_YEAR}, "lines": [{"at": NEW_YEAR, "count": 1}]}),
        (list[Line], [{"at": NEW_YEAR}]),
        (dict[str, Line], {"a": {"at": NEW_YEAR}}),
        (tuple[Line, ...], ({"at": NEW_YEAR},)),
        (Line | None, None),
        (Optional[list[Line]], [{"at": NEW_YEAR}]),  # noqa: UP045  the older way to write it, which works as well
        (list[int], [1, 2]),
        (tuple[int, str], (1, "a")),
        (tuple[()], ()),
        (set[int], {1, 2}),
        (frozenset[Colour], frozenset({Colour.RED})),
        (set[tuple[int, int]], {(1, 2)}),
        (dict[str, bytes], {"a": b"\xff"}),
        (dict[int, str], {1: "a"}),
        (dict[bool, str], {True: "a"}),
        (dict[float, str], {1.5: "a", math.inf: "b"}),
        (dict[bytes, str], {b"\xff": "a"}),
        (dict[UUID, str], {UUID(int=5): "a"}),
        (dict[Decimal, str], {Decimal("1.10"): "a"}),
        (dict[date, str], {date(2030, 1, 1): "a"}),
        (dict[timedelta, str], {timedelta(seconds=5): "a"}),
        (dict[datetime, str], {NEW_YEAR: "a"}),
        (dict[Size, str], {Size.SMALL: "a"}),
        (dict[Mood, str], {Mood.GOOD: "a"}),
        (dict[str, dict[int, list[tuple[date, Decimal | None]]]], {"a": {1: [(date(2030, 1, 1), None)]}}),
        (int | None, None),
        (int | str, 5),
        (int | str, "5"),
        (bool | int, True),
        (bool | int, 1),
        (Point | Order, Order(number=1, at=NEW_YEAR)),
        (datetime | str, NEW_YEAR),
        (datetime | str, "soon"),
        (Mapping[str, int], {"a": 1}),
        (Sequence[int], [1, 2]),
        (Annotated[int, Field(gt=0)], 1),
        (Annotated[list[Point], Field(max_length=2)], [Point(1)]),
        (list, [1, [2]]),
        (tuple, (1, 2)),
        (set, {1, 2}),
        (dict, {"a": 1}),
        (object, "a"),
        (Any, None),
        (Any, {"a": [1, 2.5, "x", True, None, {"b": []}]}),
        (Any, 10**30),
    ],
)
def test_a_value_arrives_as_it_was_sent(hint, value):
    arrived = travel(hint, value)
    assert arrived == value
    assert type(arrived) is type(value)


@pytest.mark.parametrize(
    ("hint", "value", "time_in"),
    [
        (datetime, TWICE, lambda arrived: arrived),
        (datetime, TWICE.replace(fold=1), lambda arrived: arrived),
        (datetime | int, TWICE, lambda arrived: arrived),
        (list[datetime], [TWICE], lambda arrived: arrived[0]),
        (tuple[datetime | int, ...], (TWICE,), lambda arrived: arrived[0]),
        (Line, {"at": TWICE}, lambda arrived: arrived["at"]),
        (Point, Point(1, TWICE), lambda arrived: arrived.at),
        (Order, Order(number=1, at=NEW_YEAR, places={"a": Point(1, TWICE)}), lambda arrived: arrived.places["a"].at),
    ],
)
def test_an_hour_that_happens_twice_is_as_good_as_any(hint, value, time_in):
    assert time_in(travel(hint, value)).astimezone(UTC) == time_in(value).astimezone(UTC)


@pytest.mark.parametrize("hint", [float, float | None, list[float], dict[str, float], tuple[float, int]])
def test_what_is_not_a_number_is_one_where_floats_are_annotated(hint):
    value = {list[float]: [math.nan], dict[str, float]: {"a": math.nan}, tuple[float, int]: (math.nan, 1)}.get(
        hint, math.nan
    )
    assert repr(travel(hint, value)) == repr(value)


def test_what_is_not_a_number_may_be_in_a_dataclass():
    assert math.isnan(travel(Point, Point(math.nan)).x)


@pytest.mark.parametrize(
    ("hint", "value", "arrives"),
    [(int, "5", 5), (int, 5.0, 5), (float, 5, 5.0), (Colour, "red", Colour.RED), (Point, {"x": 1}, Point(1))],
)
def test_what_the_annotation_takes_for_a_value_arrives_as_that(hint, value, arrives):
    assert travel(hint, value) == arrives


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (Any, (1, 2)),
        (Any, [(1, 2)]),
        (Any, {1: 2}),
        (Any, {"a": {1: 2}}),
        (Any, {None: 1}),
        (Any, {1, 2}),
        (Any, b"a"),
        (Any, NEW_YEAR),
        (Any, [NEW_YEAR]),
        (Any, NEW_YEAR.date()),
        (Any, timedelta(1)),
        (Any, Decimal("1.1")),
        (Any, UUID(int=5)),
        (Any, Colour.RED),
        (Any, Point(1)),
        (Any, Order(number=1, at=NEW_YEAR)),
        (Any, math.nan),
        (Any, math.inf),
        (object, (1, 2)),
        (list, [(1, 2)]),
        (dict, {1: 2}),
        (dict[Any, int], {1: 2}),
        (list[Any], [NEW_YEAR]),
        (dict[str, Any], {"a": (1, 2)}),
        (tuple[Any, ...], ((1, 2),)),
        (str | datetime, NEW_YEAR),
        (datetime | str, "2030-01-01T00:00:00"),
        (bytes | str, "abcd"),
        (str | bytes, b"abcd"),
        (list[int] | tuple[int, ...], (1, 2)),
        (list[int] | set[int], {1, 2}),
        (float | str, math.nan),
        (Order, Express(number=1, at=NEW_YEAR)),
        (SecretStr, SecretStr("abc")),
        (Annotated[int, AfterValidator(lambda value: value + 1)], 1),
        (Annotated[str, PlainSerializer(lambda value: value.upper())], "a"),
        (Annotated[list[Annotated[int, AfterValidator(lambda value: -value)]], Field(max_length=2)], [1]),
        (datetime, datetime(2030, 1, 1, tzinfo=timezone(timedelta(minutes=19, seconds=32)))),
        (datetime, datetime(1880, 1, 1, tzinfo=AMSTERDAM)),
        (list[datetime], [datetime(1880, 1, 1, tzinfo=AMSTERDAM)]),
        (time, time(12, 30, tzinfo=timezone(timedelta(seconds=1)))),
        (Place, Place.HERE),
        (Day, Day.NEW_YEAR),
        (list[Place], [Place.HERE]),
        (dict[tuple[int, int], str], {(1, 2): "a"}),
        (dict[None, str], {None: "a"}),
        (dict[str | None, str], {None: "a"}),
        (dict[int | None, str], {None: "a"}),
        (dict[Mixed, str], {Mixed.NUMBER: "a"}),
        (dict[frozenset[int], str], {frozenset({1}): "a"}),
        (dict[str, int], {"\ud800": 1}),
        (str, "\ud800"),
        (Any, "\ud800"),
        (Any, object()),
        (Any, lambda: 1),
        pytest.param(int, 10**5000, id="a number of 5001 digits"),
        pytest.param(list[int], [10**5000], id="a list with a number of 5001 digits"),
        (Decimal, Decimal("NaN")),
        (float, 10**400),
    ],
)  # fmt: skip
def test_a_value_that_would_arrive_as_something_else_is_refused(hint, value):
    with pytest.raises(InvalidArguments, match=r"function\(\): "):
        taking(hint).encode((value,), {})


def test_the_refusal_shows_what_would_arrive():
    with pytest.raises(InvalidArguments) as caught:
        taking(Any).encode(((1, 2),), {})
    assert str(caught.value) == (
        "function(): argument 'value' does not survive JSON: (1, 2) would arrive as [1, 2]. Annotate the parameter with"
        " a type that can be read back"
    )


@pytest.mark.parametrize(("hint", "key"), [(dict[str, Any], "a"), (list[Any], 0), (Any, 0)])
def test_a_value_without_end_is_refused(hint, key):
    value: Any = {} if key == "a" else []
    if key == "a":
        value["a"] = value
    else:
        value.append(value)
    with pytest.raises(InvalidArguments):
        taking(hint).encode((value,), {})


@pytest.mark.parametrize("levels", [1, 100, 190, 197, 198, 199, 200, 201, 202, 1000, 100_000])
def test_nested_values_can_be_read_by_the_worker_or_are_refused(levels):
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    try:
        text = taking(Any).encode((value,), {})
    except InvalidArguments:
        assert levels > 190
        return
    assert taking(Any).decode(to_json(Specification.parse(specification_text("function", text)).args)) == (
        [],
        {"value": value},
    )


def test_a_typed_dict_that_holds_its_like_is_refused_by_name_where_pydantic_cannot_have_it():
    try:
        arrived = travel(Tree, {"children": [{"children": []}]})
    except InvalidOption as error:
        assert "typing_extensions.TypedDict" in str(error)  # noqa: PT017  one of two outcomes, by version of Python
    else:
        assert arrived == {"children": [{"children": []}]}


class Later(BaseModel):
    """A model that names what is defined below it."""

    place: "Somewhere | None" = None


class Lost(BaseModel):
    """A model that names what is not defined anywhere."""

    place: "Nowhere"  # noqa: F821  that is the point


class Somewhere(BaseModel):
    """What the model above names."""

    x: int


def test_a_model_may_name_what_is_defined_later():
    value = Later(place=Somewhere(x=1))
    assert travel(Later, value) == value


def test_a_model_that_names_what_is_never_defined_is_refused_when_a_worker_starts():
    with pytest.raises(InvalidOption, match="Nowhere"):
        taking(Lost).prepare()


whole_minutes = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(timezones=st.none() | st.just(UTC) | whole_minutes | st.just(AMSTERDAM)).filter(
    lambda moment: moment.year > 1940
)
points = st.builds(Point, st.floats(allow_nan=False), st.none() | st.just(NEW_YEAR), st.lists(st.text(), max_size=2))
lines = st.fixed_dictionaries({"at": st.just(NEW_YEAR)}, optional={"count": st.integers()})
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def mail(to: str, at: datetime | None, *, size: Decimal, blob: bytes = b"", colours: tuple[Colour, ...] = ()): ...
def shop(order: UUID, lines: list[Line], points: dict[str, Point], *rest: int | None, **more: timedelta): ...
def stock(days: dict[date, set[int]], sizes: frozenset[Size], /, weight: float, extra: Any = None): ...


CALLS = {
    mail: st.tuples(
        st.tuples(st.text(), st.none() | moments),
        st.fixed_dictionaries(
            {"size": st.decimals(allow_nan=False, allow_infinity=False)},
            optional={"blob": st.binary(), "colours": st.lists(st.sampled_from(Colour)).map(tuple)},
        ),
    ),
    shop: st.tuples(
        st.builds(
            lambda head, rest: (*head, *rest),
            st.tuples(st.uuids(), st.lists(lines, max_size=3), st.dictionaries(st.text(), points, max_size=3)),
            st.lists(st.none() | st.integers(), max_size=3),
        ),
        st.dictionaries(st.sampled_from("abc"), st.timedeltas()),
    ),
    stock: st.tuples(
        st.tuples(
            st.dictionaries(st.dates(), st.sets(st.integers(), max_size=3), max_size=3),
            st.frozensets(st.sampled_from(Size)),
        ),
        st.fixed_dictionaries({"weight": st.floats(allow_nan=False)}, optional={"extra": json_values}),
    ),
}


@pytest.mark.parametrize("function", CALLS)
@given(data=st.data())
def test_any_arguments_of_the_annotated_types_arrive(function, data):
    args, kwargs = data.draw(CALLS[function])
    signature = Signature(function, function.__name__)
    bound = signature._signature.bind(*args, **kwargs)
    stored = specification_text(function.__name__, signature.encode(args, kwargs))
    arrived_args, arrived_kwargs = signature.decode(to_json(Specification.parse(stored).args))
    arrived = signature._signature.bind(*arrived_args, **arrived_kwargs)
    moment = bound.arguments.get("at")
    if moment is not None and moment.tzinfo is not None:
        # Of times that happen twice, or never, only the instant can be compared.
        bound.arguments["at"] = moment.astimezone(UTC)
        arrived.arguments["at"] = arrived.arguments["at"].astimezone(UTC)
    assert arrived.arguments == bound.arguments


@given(json_values)
def test_any_json_value_arrives_without_annotation(value):
    assert travel(Any, value) == value


@given(st.recursive(st.none() | st.text(), lambda inner: st.lists(inner) | st.tuples(inner) | st.sets(st.text())))
def test_anything_else_arrives_as_it_is_or_not_at_all(value):
    try:
        arrived = travel(Any, value)
    except InvalidArguments:
        return
    assert arrived == value
    assert type(arrived) is type(value)
