"""Models of pydantic, made of the annotations of a function: what its arguments and its result are checked with."""

import math
import sys
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

import typing_extensions
from pydantic import BaseModel, ConfigDict, Field, RootModel, create_model
from pydantic.errors import PydanticUndefinedAnnotation, PydanticUserError

from jobqueue.errors import InvalidOption

M = TypeVar("M", bound=type[BaseModel])

_JSON_VALUE = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64", ser_json_inf_nan="strings")
_JSON = ConfigDict(extra="forbid", **_JSON_VALUE)


def arguments_model(name: str, arguments: Mapping[str, tuple[Any, Any, str]]) -> type[BaseModel]:
    """Return the model of some arguments.

    Args:
        name: what errors call the function.
        arguments: by the name of the field: the annotation, the default (``...`` for none), the name of the parameter.

    Raises:
        InvalidOption: an annotation has no form in JSON.
    """
    # Types are made of values, which type checkers do not follow.
    made: dict[str, Any] = {
        field: (hint, Field(default, alias=alias)) for field, (hint, default, alias) in arguments.items()
    }
    model: type[BaseModel] = _build(name, lambda: create_model(name, __config__=_JSON, **made))
    return model


def result_model(name: str, hint: Any) -> type[RootModel[Any]]:
    """Return the model of a result.

    Args:
        name: what errors call the function.
        hint: the annotation.

    Raises:
        InvalidOption: it has no form in JSON.
    """

    def build() -> type[RootModel[Any]]:
        bare: type[RootModel[Any]] = RootModel.__class_getitem__(hint)  # type: ignore[assignment]  # made of a value
        return types.new_class("Result", (bare,), {}, lambda body: body.update(model_config=_JSON_VALUE))

    return _build(name, build)


def _build(name: str, build: Callable[[], M]) -> M:
    try:
        model = build()
        if not model.__pydantic_complete__:
            # Something was not defined yet when it was named. Now it is, or never.
            model.model_rebuild()
        return model
    except (PydanticUserError, PydanticUndefinedAnnotation) as error:
        raise InvalidOption(
            f"an annotation of {name}() has no form in JSON that pydantic knows: {error.message}"
        ) from error


def same(sent: Any, arriving: Any) -> bool:
    """Tell whether a value arrives as it was sent.

    That can be so although Python does not call the two equal: what is not a number equals nothing, and a time in an
    hour that happens twice equals none of another zone.
    """
    if bool(sent == arriving):
        return True
    if type(sent) is not type(arriving):
        return False
    match sent:
        case float():
            return math.isnan(sent) and math.isnan(arriving)
        case datetime():
            there = arriving.replace(tzinfo=None), arriving.utcoffset()
            return (sent.replace(tzinfo=None), sent.utcoffset()) == there
        case list() | tuple():
            return len(sent) == len(arriving) and all(map(same, sent, arriving))
        case dict():
            return sent.keys() == arriving.keys() and all(same(value, arriving[key]) for key, value in sent.items())
        case BaseModel():
            parts = ("__dict__", "__pydantic_extra__", "__pydantic_private__")
            return all(same(getattr(sent, part), getattr(arriving, part)) for part in parts)
    if is_dataclass(sent):
        return all(same(getattr(sent, member.name), getattr(arriving, member.name)) for member in fields(sent))
    return False


def for_pydantic(hint: Any) -> Any:
    """Replace ``typing.TypedDict`` by the one that pydantic accepts before Python 3.12."""
    if sys.version_info >= (3, 12):
        return hint
    if typing.is_typeddict(hint) and type(hint).__module__ == "typing":
        return _typed_dict(hint)
    parts = get_args(hint)
    if not parts or get_origin(hint) in (Annotated, typing.Literal):
        return hint
    replaced = tuple(for_pydantic(part) if not isinstance(part, list) else part for part in parts)
    if all(new is old for new, old in zip(replaced, parts, strict=True)):
        return hint
    if get_origin(hint) in (Union, types.UnionType):
        return Union[replaced]  # noqa: UP007  the members are only known now
    return hint.copy_with(replaced) if hasattr(hint, "copy_with") else get_origin(hint)[replaced]


def _typed_dict(hint: Any) -> Any:
    members = {name: for_pydantic(member) for name, member in get_type_hints(hint, include_extras=False).items()}
    return typing_extensions.TypedDict(  # type: ignore[operator]  # type checkers know it as a class only
        hint.__name__,
        {
            name: typing_extensions.Required[member]
            if name in hint.__required_keys__
            else typing_extensions.NotRequired[member]
            for name, member in members.items()
        },
    )
