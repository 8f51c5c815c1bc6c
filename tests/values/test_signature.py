"""How the arguments of a call are bound to a function, travel, and are bound again."""

import inspect
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import from_json, to_json

from jobqueue.errors import InvalidArguments, InvalidOption
from jobqueue.signature import Signature, UnreadableArguments

NEW_YEAR = datetime(2030, 1, 1, tzinfo=UTC)


def plain(a: int, b: str = "b"):
    """Take plain parameters."""
    return a, b


def keyword_only(a: int, *, b: str, c: int = 3):
    """Take parameters of which some have names only."""
    return a, b, c


def positional_only(a: int, b: int = 2, /, c: int = 3):
    """Take parameters of which some have no names."""
    return a, b, c


def any_number(a: int = 1, b: int = 2, *rest: int):
    """Take any number of arguments."""
    return a, b, rest


def any_names(a: int, b: int = 2, **rest: int):
    """Take arguments of any name."""
    return a, b, rest


def everything(a: int, b: int = 2, /, c: int = 3, *rest: int, d: int, e: int = 5, **more: int):
    """Take everything there is."""
    return a, b, c, rest, d, e, more


def odd_names(self: int, cls: int, _x: int, model_config: int, model_fields: int, p0: int, json: int, args: int):
    """Take parameters whose names mean something elsewhere."""
    return self, cls, _x, model_config, model_fields, p0, json, args


def unannotated(a, b=None):
    """Take anything."""
    return a, b


def nothing():
    """Take nothing."""
    return ()


def signature(function) -> Signature:
    """Return the signature of a function."""
    return Signature(function, function.__name__)


def run(function, *args: Any, **kwargs: Any) -> Any:
    """Call a function with arguments that have travelled."""
    travelled = signature(function)
    args, kwargs = travelled.decode(travelled.encode(args, kwargs))
    return function(*args, **kwargs)


CALLS = [
    (plain, (1,), {}, b'{"a":1}'),
    (plain, (1, "x"), {}, b'{"a":1,"b":"x"}'),
    (plain, (), {"b": "x", "a": 1}, b'{"a":1,"b":"x"}'),
    (keyword_only, (1,), {"b": "x"}, b'{"a":1,"b":"x"}'),
    (keyword_only, (1,), {"c": 4, "b": "x"}, b'{"a":1,"b":"x","c":4}'),
    (positional_only, (1,), {}, b'{"a":1}'),
    (positional_only, (1, 5), {}, b'{"a":1,"b":5}'),
    (positional_only, (1,), {"c": 6}, b'{"a":1,"c":6}'),
    (any_number, (), {}, b"{}"),
    (any_number, (7, 8, 9, 10), {}, b'{"a":7,"b":8,"rest":[9,10]}'),
    (any_number, (), {"b": 8}, b'{"b":8}'),
    (any_names, (1,), {"c": 3, "d": 4}, b'{"a":1,"rest":{"c":3,"d":4}}'),
    (any_names, (1,), {"rest": 3}, b'{"a":1,"rest":{"rest":3}}'),
    (everything, (1,), {"d": 4}, b'{"a":1,"d":4}'),
    (everything, (1,), {"d": 4, "c": 9, "f": 6}, b'{"a":1,"c":9,"d":4,"more":{"f":6}}'),
    (everything, (1, 2, 3, 4, 5), {"d": 4, "e": 6}, b'{"a":1,"b":2,"c":3,"rest":[4,5],"d":4,"e":6}'),
    (
        odd_names,
        tuple(range(8)),
        {},
        b'{"self":0,"cls":1,"_x":2,"model_config":3,"model_fields":4,"p0":5,"json":6,"args":7}',
    ),
    (unannotated, (None, [1]), {}, b'{"a":null,"b":[1]}'),
    (nothing, (), {}, b"{}"),
]


@pytest.mark.parametrize(("function", "args", "kwargs", "text"), CALLS)
def test_arguments_travel_by_the_names_of_their_parameters(function, args, kwargs, text):
    assert signature(function).encode(args, kwargs) == text


@pytest.mark.parametrize(("function", "args", "kwargs", "text"), CALLS)
def test_they_arrive_where_they_would_have_without_travelling(function, args, kwargs, text):
    assert run(function, *args, **kwargs) == function(*args, **kwargs)


@pytest.mark.parametrize(("function", "args", "kwargs", "text"), CALLS)
def test_another_program_may_send_the_same_by_name(function, args, kwargs, text):
    assert signature(function).encode_json(from_json(text)) == text


def test_odd_names_may_be_given_by_name():
    names = list(inspect.signature(odd_names).parameters)
    assert run(odd_names, **{name: place for place, name in enumerate(names)}) == tuple(range(8))


@given(st.data())
def test_any_call_arrives_as_it_was_made(data):
    numbers = st.integers()
    positional = data.draw(st.lists(numbers, min_size=1, max_size=6))
    named = data.draw(st.dictionaries(st.sampled_from(["e", "f", "rest", "more", "g h"]), numbers))
    if len(positional) < 3 and data.draw(st.booleans()):
        named["c"] = data.draw(numbers)
    named["d"] = data.draw(numbers)
    assert run(everything, *positional, **named) == everything(*positional, **named)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"rest": [9]}, (1, 2, (9,))),
        ({"a": 7, "rest": [9]}, (7, 2, (9,))),
        ({"b": 8, "rest": [9, 10]}, (1, 8, (9, 10))),
        ({"rest": []}, (1, 2, ())),
    ],
)
def test_further_arguments_that_come_by_name_do_not_slip_into_parameters_that_were_left_out(arguments, expected):
    args, kwargs = signature(any_number).decode(to_json(arguments))
    assert any_number(*args, **kwargs) == expected


def test_a_default_is_that_of_the_code_which_runs_the_job():
    def sent(a: int, b: int = 1): ...

    def run_later(a: int, b: int = 2):
        return a, b

    args, kwargs = signature(run_later).decode(signature(sent).encode((5,), {}))
    assert run_later(*args, **kwargs) == (5, 2)


def test_a_default_need_not_have_a_form_in_json():
    marker = object()

    def function(a: int, b: int = marker):
        return b

    assert run(function, 5) is marker


@pytest.mark.parametrize(
    ("function", "args", "kwargs", "message"),
    [
        (plain, (), {}, "plain(): argument 'a' is missing"),
        (plain, (1,), {"d": 2}, "plain(): there is no parameter 'd'"),
        (plain, (), {"d": 2}, "plain(): argument 'a' is missing; there is no parameter 'd'"),
        (plain, (1, "x", 3), {}, "plain(): too many positional arguments"),
        (plain, (1,), {"a": 2}, "plain(): multiple values for argument 'a'"),
        (plain, ("x",), {}, "plain(): argument 'a': Input should be a valid integer, unable to parse string as an"),
        (plain, (1.5,), {}, "plain(): argument 'a': Input should be a valid integer"),
        (plain, (1, 2), {}, "plain(): argument 'b': Input should be a valid string, not 2"),
        (plain, (1, None), {}, "plain(): argument 'b': Input should be a valid string, not None"),
        (keyword_only, (1,), {}, "keyword_only(): argument 'b' is missing"),
        (keyword_only, (1, "x"), {}, "keyword_only(): too many positional arguments"),
        (positional_only, (), {}, "positional_only(): missing a required"),
        (any_number, (1, 2, "x"), {}, "any_number(): argument 'rest.0': Input should be a valid integer"),
        (any_names, (1,), {"c": "x"}, "any_names(): argument 'rest.c': Input should be a valid integer"),
        (nothing, (1,), {}, "nothing(): too many positional arguments"),
        (nothing, (), {"a": 1}, "nothing(): there is no parameter 'a'"),
        (odd_names, (), {}, "argument 'model_config' is missing"),
    ],
)
def test_a_call_that_does_not_fit_is_refused_with_a_reason(function, args, kwargs, message):
    with pytest.raises(InvalidArguments) as caught:
        signature(function).encode(args, kwargs)
    assert message in str(caught.value)
    assert isinstance(caught.value, TypeError)


def test_a_value_without_end_is_shown_in_part():
    with pytest.raises(InvalidArguments, match=r"'x{79}\.\.\. \(10002 characters\)") as caught:
        signature(plain).encode(("x" * 10_000,), {})
    assert len(str(caught.value)) < 300


class Unprintable:
    """What raises when it is printed."""

    def __repr__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize("value", [Unprintable(), 10**5000], ids=["a broken repr", "a number that is too long"])
def test_a_value_that_cannot_be_shown_is_refused_like_others(value):
    with pytest.raises(InvalidArguments, match="argument 'b': Input should be a valid string, not "):
        signature(plain).encode((1, value), {})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "plain(): argument 'a' is missing"),
        ({"a": 1, "d": 2}, "plain(): there is no parameter 'd'"),
        ({"a": ["secret"]}, "plain(): argument 'a': Input should be a valid integer"),
        ({"a": 1, "b": {"secret": 1}}, "plain(): argument 'b': Input should be a valid string"),
    ],
)
def test_a_stored_job_that_does_not_fit_is_unreadable_and_the_reason_does_not_tell_its_values(arguments, message):
    with pytest.raises(UnreadableArguments) as caught:
        signature(plain).decode(to_json(arguments))
    assert str(caught.value) == message


def test_arguments_by_name_are_read_as_json_is():
    def function(at: datetime, blob: bytes = b""):
        return at, blob

    text = signature(function).encode_json({"at": "2030-01-01T00:00:00Z", "blob": "_wA="})
    assert signature(function).decode(text)[1] == {"at": NEW_YEAR, "blob": b"\xff\x00"}
    assert signature(function).encode_json({"at": NEW_YEAR, "blob": b"\xff\x00"}) == text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"a": "x"}, "argument 'a': Input should be a valid integer"),
        ({"b": "x"}, "argument 'a' is missing"),
        ({"a": 1, "z": 1}, "there is no parameter 'z'"),
        ({"a": object()}, "Unable to serialize unknown type"),
        ({"a": "\ud800"}, "surrogates not allowed"),
        ([1], "Input should be an object"),
    ],
)
def test_arguments_by_name_that_do_not_fit_are_refused(arguments, message):
    with pytest.raises(InvalidArguments, match=message):
        signature(plain).encode_json(arguments)


def attribute_missing(a: "datetime.nope"): ...


def name_missing(a: "Nope"): ...  # noqa: F821  it is missing


def not_python(a: "in valid"): ...  # noqa: F722  it is not Python


def not_json(a: Unprintable): ...


def returns_not_json() -> Unprintable: ...


def not_a_type(a: 5): ...


@pytest.mark.parametrize(
    "function", [attribute_missing, name_missing, not_python, not_json, returns_not_json, not_a_type]
)
def test_a_mistake_in_the_annotations_shows_when_a_worker_starts(function):
    with pytest.raises(InvalidOption, match=rf"annotations? of {function.__name__}\(\)"):
        signature(function).prepare()


@pytest.mark.parametrize("function", [plain, everything, odd_names, unannotated, nothing])
def test_functions_without_mistakes_are_prepared(function):
    signature(function).prepare()
    assert inspect.signature(function).parameters.keys() >= set()


def test_the_fingerprint_is_that_of_the_parameters():
    def same(b: int, a: datetime):
        """Do something else."""

    def same_but_for_what_does_not_travel(b: int = 5, /, *, a: datetime = NEW_YEAR) -> int: ...

    def base(b: int, a: datetime): ...

    assert Signature(base, "f").fingerprint == Signature(same, "f").fingerprint
    required = Signature(base, "f").fingerprint
    optional = Signature(same_but_for_what_does_not_travel, "f").fingerprint
    assert required != optional


def test_the_fingerprint_changes_with_every_change_of_what_is_accepted():
    def base(a: int, b: datetime): ...
    def another_type(a: int, b: str): ...
    def another_name(a: int, c: datetime): ...
    def one_more(a: int, b: datetime, c: int = 0): ...
    def one_less(a: int): ...
    def none_as_well(a: int | None, b: datetime): ...
    def any_name(a: int, b: datetime, **c: int): ...
    def without(a, b: datetime): ...

    functions = [base, another_type, another_name, one_more, one_less, none_as_well, any_name, without]
    assert len({Signature(function, "f").fingerprint for function in functions}) == len(functions)


def test_the_fingerprint_does_not_change_with_what_the_function_does_or_returns():
    def first(a: int, b: int = 1) -> int:
        return a

    def second(a: int, b: int = 2) -> str:
        """Do something else."""
        return str(a)

    async def third(a: int, b: int = 3): ...

    assert len({Signature(function, "f").fingerprint for function in (first, second, third)}) == 1
