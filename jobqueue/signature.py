"""How arguments and results travel: bound to the function's signature, validated, as plain JSON.

What is sent is what the annotations say, written by pydantic; what arrives is validated by the same annotations, so
that a ``datetime`` is a ``datetime`` again. Where JSON cannot carry a value so that it arrives as it was, the call is
refused.

pydantic itself, and with it ``jobqueue.models``, is imported when the first signature is needed: it takes as
long as all the rest, and not whoever imports jobqueue has jobs to enqueue.
"""

import contextlib
import inspect
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum
from functools import cached_property
from hashlib import sha1
from typing import TYPE_CHECKING, Any, Never, NoReturn, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from pydantic_core import PydanticSerializationError, ValidationError, from_json, to_json

from jobqueue.errors import InvalidArguments, InvalidOption, UnreadableResult

if TYPE_CHECKING:
    from pydantic import BaseModel, RootModel

_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)

# Types that come back from JSON as they went in. Anything else is read back at once, to see whether it does: a datetime
# too, because the seconds of its offset from UTC do not travel (places had such offsets until about 1970).
_FAITHFUL = (str, int, float, bool, bytes, date, timedelta, Decimal, UUID)
_FAITHFUL_CONTAINERS = (list, tuple, set, frozenset)

# The item of an annotation that is no list; None is one that a list may have.
_NO_LIST = object()

# What pydantic writes for each byte of a key that has no form in UTF-8.
_REPLACEMENT = "\ufffd".encode()

# JSON is read no deeper than 200 levels, and without numbers of more than 4,300 digits. With fewer brackets and bytes
# than these there is no need to look.
_FEW_BRACKETS = 150
_FEW_BYTES = 4300


class UnreadableArguments(Exception):
    """The arguments of a stored job do not fit the signature that this process has."""


class UnwritableResult(Exception):
    """A function returned something that has no form in JSON."""


class _Unresolved(InvalidOption):
    """An annotation names something that is not there, or not yet."""


class Signature:
    """The parameters and the result of a function, as JSON.

    Args:
        function: the function.
        name: what errors call it.
    """

    def __init__(self, function: Callable[..., Any], name: str) -> None:
        self._function = function
        self._name = name
        self._signature = inspect.signature(function)
        self._parameters = list(self._signature.parameters.values())
        self._variadic = any(parameter.kind in _VARIADIC for parameter in self._parameters)
        self._positional = [
            parameter.name
            for parameter in self._parameters
            if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        ]
        # The fields of the model are named by place: parameters may have names that fields may not.
        self._names = {f"p{index}": parameter.name for index, parameter in enumerate(self._parameters)}
        self._positional_only = {p.name for p in self._parameters if p.kind is p.POSITIONAL_ONLY}

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """The names of the parameters."""
        return tuple(parameter.name for parameter in self._parameters)

    def prepare(self) -> None:
        """Build what is otherwise built at the first call, so that a mistake in the annotations shows at once.

        Raises:
            InvalidOption: an annotation cannot be resolved, or has no form in JSON.
        """
        _ = self._arguments, self._result

    def encode(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bytes:
        """Return the arguments of a call as a JSON object, by parameter name.

        Raises:
            InvalidArguments: they do not fit the signature, or would not arrive as they are.
        """
        bound = self._bind(args, kwargs)
        try:
            values = self._arguments.__pydantic_validator__.validate_python(bound)
        except ValidationError as error:
            raise InvalidArguments(self._explain(error)) from None
        return self._write(values)

    def encode_json(self, arguments: Mapping[str, Any]) -> bytes:
        """Return arguments that are given by parameter name, as another program would: dates as text, and so on.

        Raises:
            InvalidArguments: they do not fit the signature, or cannot be written as JSON.
        """
        try:
            text = to_json(arguments, bytes_mode="base64", inf_nan_mode="strings")
            values = self._arguments.__pydantic_validator__.validate_json(text)
        except ValidationError as error:
            raise InvalidArguments(self._explain(error)) from None
        except PydanticSerializationError as error:
            raise InvalidArguments(f"{self._name}(): {error}") from None
        return self._write(values)

    def decode(self, arguments: bytes) -> tuple[list[Any], dict[str, Any]]:
        """Return the positional and keyword arguments to call the function with.

        Args:
            arguments: a JSON object, by parameter name.

        Raises:
            UnreadableArguments: the JSON values do not fit the signature.
        """
        if arguments == b"{}" and not self._parameters:
            return [], {}
        try:
            model = self._arguments.__pydantic_validator__.validate_json(arguments)
        except ValidationError as error:
            # Without the values: the reason is stored and logged, and arguments may be secret.
            raise UnreadableArguments(self._explain(error, with_values=False)) from None
        given, names = model.__pydantic_fields_set__, self._names
        if not self._variadic and not self._positional_only:
            return [], {names[field]: value for field, value in model.__dict__.items() if field in given}
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        for field, value in model.__dict__.items():
            if field not in given:
                continue
            index = int(field[1:])
            parameter = self._parameters[index]
            if parameter.kind is parameter.VAR_KEYWORD:
                kwargs.update(value)
            elif parameter.kind is parameter.VAR_POSITIONAL:
                args += [p.default for p in self._parameters[len(args) : index]]
                args += value
            elif parameter.kind is parameter.KEYWORD_ONLY:
                kwargs[parameter.name] = value
            elif len(args) == index:
                args.append(value)
            elif parameter.kind is parameter.POSITIONAL_ONLY or self._variadic:
                # An earlier one was left out, and with positional arguments there are no gaps: fill in the defaults.
                args += [p.default for p in self._parameters[len(args) : index]]
                args.append(value)
            else:
                kwargs[parameter.name] = value
        return args, kwargs

    def encode_result(self, value: Any) -> bytes:
        """Return what the function returned as JSON.

        Raises:
            UnwritableResult: it has no form in JSON.
        """
        if value is None:
            return b"null"
        result = self._result
        try:
            try:
                valid = result.__pydantic_validator__.validate_python(value)
                text = result.__pydantic_serializer__.to_json(valid, by_alias=True)
            except ValidationError:
                # The annotation is wrong. The work is done all the same, so the result is kept as well as it can be.
                text = to_json(value, bytes_mode="base64", inf_nan_mode="strings")
            _check_readable(text)
        except ValueError as error:
            raise UnwritableResult(f"{self._name}() returned a {type(value).__name__}: {error}") from None
        return text

    def decode_result(self, text: bytes) -> Any:
        """Return a result as the annotated type.

        Raises:
            UnreadableResult: the stored result does not fit the annotation.
        """
        try:
            return self._result.__pydantic_validator__.validate_json(text).root
        except ValidationError as error:
            raise UnreadableResult(f"the result does not fit the annotation of {self._name}(): {error}") from None

    @cached_property
    def fingerprint(self) -> str:
        """A short text that changes when the parameters do."""
        try:
            shape = to_json(self._arguments.model_json_schema())
        except Exception:  # a custom type may refuse to describe itself in any way it likes
            # Not the text of the signature: the defaults in it may look different in each process.
            shape = repr([(parameter.name, self._hints.get(parameter.name)) for parameter in self._parameters]).encode()
        return sha1(shape).hexdigest()[:12]

    @cached_property
    def _hints(self) -> dict[str, Any]:
        return self._resolved()

    def _resolved(self) -> dict[str, Any]:
        """Return the annotations, by parameter name, with that of the result."""
        from jobqueue.models import for_pydantic

        try:
            hints = get_type_hints(self._function, include_extras=True)
            return {name: for_pydantic(hint) for name, hint in hints.items()}
        except RecursionError as error:
            raise InvalidOption(
                f"an annotation of {self._name}() is a TypedDict that contains itself: before Python 3.12 it must be a"
                " typing_extensions.TypedDict"
            ) from error
        except Exception as error:  # annotations may be any expression, and go wrong in any way
            raise _Unresolved(f"the annotations of {self._name}() cannot be resolved: {error}") from error

    @cached_property
    def _arguments(self) -> "type[BaseModel]":
        # The fields have names of their own, because parameters may be called anything, "model_config" included.
        fields: dict[str, tuple[Any, Any, str]] = {}
        for index, parameter in enumerate(self._parameters):
            hint = self._hints.get(parameter.name, Any)
            required = parameter.default is parameter.empty and parameter.kind not in _VARIADIC
            if parameter.kind is parameter.VAR_POSITIONAL:
                hint = list[hint]  # type: ignore[valid-type]  # made of a value, which type checkers do not follow
            elif parameter.kind is parameter.VAR_KEYWORD:
                hint = dict[str, hint]  # type: ignore[valid-type]
            fields[f"p{index}"] = (hint, ... if required else None, parameter.name)
        from jobqueue.models import arguments_model

        return arguments_model(self._name, fields)

    @cached_property
    def _result(self) -> "type[RootModel[Any]]":
        hint = self._hints.get("return", Any)
        from jobqueue.models import result_model

        return result_model(self._name, Any if hint in (Never, NoReturn) else hint)

    @cached_property
    def _unfaithful(self) -> list[int]:
        """The parameters whose values may come back from JSON as something else."""
        return [
            index
            for index, parameter in enumerate(self._parameters)
            if not _faithful(self._hints.get(parameter.name, Any))
        ]

    def _bind(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        # The plain cases by hand: inspect takes longer to bind than pydantic to validate.
        if not self._variadic and not self._positional_only and len(args) <= len(self._positional):
            bound = dict(zip(self._positional, args))  # noqa: B905  those that follow are given by name, or left out
            if not kwargs:
                return bound
            if bound.keys().isdisjoint(kwargs):
                return {**bound, **kwargs}
        try:
            return dict(self._signature.bind(*args, **kwargs).arguments)
        except TypeError as error:
            raise InvalidArguments(f"{self._name}(): {error}") from None

    def _write(self, model: "BaseModel") -> bytes:
        try:
            given = model.__pydantic_fields_set__
            # To say which ones takes longer than to write all.
            included = None if len(given) == len(self._parameters) else given
            text = model.__pydantic_serializer__.to_json(model, by_alias=True, include=included)
            _check_readable(text)
        except ValueError as error:
            raise InvalidArguments(f"{self._name}(): {error}. Annotate the parameter, or pass something else") from None
        doubtful = range(len(self._parameters)) if _REPLACEMENT in text else self._unfaithful
        if doubtful:
            self._check_faithful(model, text, doubtful)
        return text

    def _check_faithful(self, model: "BaseModel", text: bytes, doubtful: Iterable[int]) -> None:
        try:
            read = self._arguments.__pydantic_validator__.validate_json(text)
        except ValidationError as error:
            raise InvalidArguments(f"{self._name}(): the worker could not read this again: {error}") from None
        from jobqueue.models import same

        sent, arriving = model.__dict__, read.__dict__
        for index in doubtful:
            field = f"p{index}"
            if field in model.__pydantic_fields_set__ and not same(sent[field], arriving[field]):
                parameter = self._parameters[index]
                raise InvalidArguments(
                    f"{self._name}(): argument {parameter.name!r} does not survive JSON: {_short(sent[field])}"
                    f" would arrive as {_short(arriving[field])}. Annotate the parameter with a type that can be"
                    " read back"
                )

    def _explain(self, error: ValidationError, with_values: bool = True) -> str:
        lines = []
        for problem in error.errors(include_url=False, include_context=False):
            place = ".".join(str(part) for part in problem["loc"])
            if problem["type"] == "missing" and len(problem["loc"]) == 1:
                lines.append(f"argument {place!r} is missing")
            elif problem["type"] == "extra_forbidden" and len(problem["loc"]) == 1:
                lines.append(f"there is no parameter {place!r}")
            else:
                value = f", not {_short(problem['input'])}" if with_values else ""
                lines.append(f"argument {place!r}: {problem['msg']}{value}")
        return f"{self._name}(): " + "; ".join(lines)


class ItemSignature(Signature):
    """What one item of a batch and its result look like, of a function that takes a list of items.

    Args:
        function: the function.
        name: what errors call it.

    Raises:
        InvalidOption: it does not take one list, or does not return one.
    """

    def __init__(self, function: Callable[..., Any], name: str) -> None:
        super().__init__(function, name)
        self._check_parameters()
        # What is named before it is defined cannot be looked at yet: ``prepare`` does.
        with contextlib.suppress(_Unresolved):
            _ = self._hints

    def decode(self, arguments: bytes) -> tuple[list[Any], dict[str, Any]]:
        """Return the item, as the only argument.

        Raises:
            UnreadableArguments: the JSON value does not fit the signature.
        """
        args, kwargs = super().decode(arguments)
        return [*args, *kwargs.values()], {}

    def _check_parameters(self) -> None:
        if len(self._parameters) != 1:
            raise InvalidOption(
                f"{self._name}() has {len(self._parameters)} parameters: with batch= a function has one, annotated"
                " list[...], and gets all items in it"
            )
        [parameter] = self._parameters
        if parameter.name not in self._positional or parameter.default is not parameter.empty:
            raise InvalidOption(
                f"{self._name}(): with batch= the parameter is a plain one without a default, not '{parameter}'"
            )

    def _resolved(self) -> dict[str, Any]:
        hints = super()._resolved()
        name = self._parameters[0].name
        item = _item_of(hints.get(name))
        if item is _NO_LIST:
            raise InvalidOption(
                f"{self._name}(): with batch= the parameter {name!r} gets a list of items, and must be annotated"
                f" list[...], not {_shown(hints.get(name, 'nothing'))}"
            )
        result = hints.get("return", Any)
        if result is not Any and result is not type(None):
            result = _item_of(result)
            if result is _NO_LIST:
                raise InvalidOption(
                    f"{self._name}(): with batch= a function returns a result for each item, and is annotated"
                    f" list[...] or None, not {_shown(hints['return'])}"
                )
        return {name: item, "return": _without_errors(result)}


def _item_of(hint: Any) -> Any:
    """Return what a list or sequence is annotated to hold."""
    parts = get_args(hint)
    return parts[0] if get_origin(hint) in (list, Sequence) and len(parts) == 1 else _NO_LIST


def _without_errors(hint: Any) -> Any:
    """Return the annotation of a result without the exceptions and signals that may stand in its place."""
    if _is_error(hint):
        return type(None)
    if get_origin(hint) not in (Union, types.UnionType):
        return hint
    parts = tuple(part for part in get_args(hint) if not _is_error(part))
    return Union[parts] if parts else type(None)  # noqa: UP007  the members are only known now


def _is_error(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, BaseException)


def _shown(hint: Any) -> str:
    return hint.__name__ if type(hint) is type else str(hint)


def _faithful(hint: Any) -> bool:
    """Tell whether values of an annotation come back from JSON as they were, whatever they are."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        # With None it is plain; two other types may look the same in JSON.
        others = [part for part in parts if part is not type(None)]
        return len(others) == 1 and _faithful(others[0])
    if origin in _FAITHFUL_CONTAINERS:
        return all(_faithful(part) for part in parts if part is not Ellipsis)
    if origin is dict:
        # Keys become text in JSON, and of None or a tuple no way leads back.
        return parts[0] in _FAITHFUL and _faithful(parts[1])
    if isinstance(hint, type) and issubclass(hint, Enum):
        return all(type(member.value) in (str, int) for member in hint)
    return hint in _FAITHFUL or hint in (None, type(None))


def _check_readable(text: bytes) -> None:
    """Refuse JSON that cannot be read where it is stored, a level deeper: nested too deep, or with too long a number.

    Raises:
        ValueError: it cannot be read.
    """
    if len(text) <= _FEW_BRACKETS:
        return
    if len(text) > _FEW_BYTES or text.count(b"[") + text.count(b"{") > _FEW_BRACKETS:
        from_json(b"[%b]" % text)


def _short(value: Any) -> str:
    try:
        text = repr(value)
    except Exception:  # the value may be anything, and so may what its repr raises
        return f"a {type(value).__name__} that cannot be shown"
    return text if len(text) <= 100 else f"{text[:80]}... ({len(text)} characters)"
