"""Versions of tasks: what turns the arguments of an older version into those of the one that is here."""

from collections.abc import Callable, Mapping
from hashlib import sha1
from inspect import iscoroutinefunction
from types import CodeType
from typing import Any, TypeVar

from jobqueue.errors import InvalidOption
from jobqueue.signals import Signal

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]
"""Turns the JSON arguments of one version into those of the next."""

U = TypeVar("U", bound=Upcaster)

_DIGITS = 15
_MAX_VERSION = 10**_DIGITS - 1


class UpcastFailed(Exception):
    """An upcaster raised, or returned something else than arguments."""


def is_version(value: Any) -> bool:
    """Tell whether something is the number of a version."""
    return type(value) is int and 1 <= value <= _MAX_VERSION


def check_version(value: Any, what: str) -> int:
    """Return the number of a version, if it is one.

    Args:
        value: the number.
        what: what it is, for the error.

    Raises:
        InvalidOption: it is none.
    """
    if not is_version(value):
        raise InvalidOption(f"{what} must be a whole number from 1 to {_MAX_VERSION}, not {value!r}")
    version: int = value
    return version


def newer(version: int) -> str:
    """Return the fingerprint under which a job is parked that waits for at least this version of its task.

    In the index of parked jobs it comes after all others, the empty one included ("~" is after "|"), and that of a
    later version after that of an earlier one: so a worker finds what it can run in one range.
    """
    return f"~{version:0{_DIGITS}d}"


class Upcasters:
    """The upcasters of a task.

    Args:
        task: the name of the task, for errors.
        version: its version.
    """

    def __init__(self, task: str, version: int) -> None:
        self._task = task
        self._version = version
        self._steps: dict[int, Upcaster] = {}

    def add(self, version: int, upcaster: Upcaster) -> None:
        """Enter the upcaster that leads from a version to the next.

        Raises:
            InvalidOption: the task has no such older version, or an upcaster for it already.
            TypeError: it is no plain function.
        """
        check_version(version, f"the version that an upcaster of task {self._task!r} reads")
        if version >= self._version:
            raise InvalidOption(
                f"an upcaster for version {version} of task {self._task!r}, which is at version {self._version}:"
                f" upcasters read older versions. Raise it: @jobs.task(version={version + 1})"
            )
        if not callable(upcaster) or iscoroutinefunction(upcaster):
            raise TypeError(f"@upcast decorates a plain function of the arguments, not {upcaster!r}")
        if (other := self._steps.get(version)) is not None:
            raise InvalidOption(
                f"task {self._task!r} has two upcasters for version {version}, {_origin(other)} and"
                f" {_origin(upcaster)}: take one of them away"
            )
        self._steps[version] = upcaster

    def apply(self, args: Mapping[str, Any], version: int) -> Mapping[str, Any]:
        """Return the arguments of a version as those of the version that is here.

        A step without an upcaster is a compatible change, and leaves them as they are.

        Raises:
            UpcastFailed: an upcaster raised, or returned something else.
        """
        if version == self._version:
            return args
        for step in sorted(step for step in self._steps if step >= version):
            upcaster = self._steps[step]
            try:
                upcast: Any = upcaster(dict(args))
            except (Exception, Signal, SystemExit) as error:  # signals too: the job has not begun, and cannot end
                raise UpcastFailed(f"{self._what(step)} raised {type(error).__name__}") from error
            if not isinstance(upcast, dict):
                raise UpcastFailed(
                    f"{self._what(step)} returned a {type(upcast).__name__}, not a dict of arguments by name"
                )
            args = upcast
        return args

    def fingerprint(self, signature: str) -> str:
        """Return the fingerprint of a signature if there is one version only, else one of all that reads arguments."""
        if self._version == 1:
            return signature
        code = [(step, _code(getattr(upcaster, "__code__", None))) for step, upcaster in sorted(self._steps.items())]
        return sha1(repr((signature, self._version, code)).encode("utf-8", "backslashreplace")).hexdigest()[:12]

    def _what(self, step: int) -> str:
        return f"{_origin(self._steps[step])}, the upcaster of task {self._task!r} from version {step},"


def _origin(function: Any) -> str:
    name = getattr(function, "__qualname__", type(function).__qualname__)
    return f"{getattr(function, '__module__', '?')}.{name}"


def _code(code: CodeType | None) -> object:
    """Return what changes when a function is mended, and is the same in every process."""
    if code is None:
        return None
    # Not the text of all constants: code has an address in it, and a set another order in each process.
    constants = [
        _code(each) if isinstance(each, CodeType) else sorted(map(repr, each)) if isinstance(each, frozenset) else each
        for each in code.co_consts
    ]
    return code.co_code, code.co_names, constants
