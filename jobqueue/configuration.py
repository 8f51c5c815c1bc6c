"""What the environment and a file say about an application, its workers and the command line: one checked value.

The first source counts that names a setting: the variable ``JOBQUEUE_<NAME>``; the file ``jobqueue.toml`` in the
folder, or the one that ``$JOBQUEUE_CONFIG`` names; ``[tool.jobqueue]`` in the nearest ``pyproject.toml``; the default.
"""

import os
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from jobqueue.durability import checked_durability
from jobqueue.durations import parse_duration, seconds
from jobqueue.encryption import Encryption
from jobqueue.errors import InvalidOption, suggestion
from jobqueue.keyring import KeyRing, parse_keys
from jobqueue.names import check_name
from jobqueue.retention import Keep, Retention
from jobqueue.settings import Settings
from jobqueue.signing import Signing

FILE = "jobqueue.toml"
"""The file in the folder in which a command is given."""

VARIABLE = "JOBQUEUE_CONFIG"
"""The variable that names another file."""

PREFIX = "JOBQUEUE_"
"""What the variables of settings begin with."""

OTHER_VARIABLES = frozenset({VARIABLE, "JOBQUEUE_REDIS_SERVER"})
"""Variables that begin so and are no settings."""

DEFAULT = "default"
"""The origin of what nobody has set."""

_Keys = KeyRing | Mapping[str, bytes | str] | None


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise InvalidOption(f"a text, not {value!r}")
    return value


def _name(value: Any) -> str:
    return check_name(_text(value), "name")


def _names(value: Any) -> tuple[str, ...]:
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple):
        raise InvalidOption(f"a list of names, not {value!r}")
    return tuple(_name(part.strip() if isinstance(part, str) else part) for part in parts if part != "")


def _whole(least: int, most: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        number = int(value) if isinstance(value, str) and value.strip().removeprefix("-").isdecimal() else value
        if not isinstance(number, int) or isinstance(number, bool) or not least <= number <= most:
            raise InvalidOption(f"a whole number from {least:,} to {most:,}, not {value!r}")
        return number

    return read


def _duration(value: Any) -> float:
    if isinstance(value, str):
        return parse_duration(value)
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise InvalidOption(f"a duration, such as 90s or 5m, not {value!r}")
    return seconds(value, "the duration")


def _choice(*words: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value not in words:
            raise InvalidOption(f"one of {', '.join(words)}, not {value!r}{suggestion(str(value), words)}")
        return str(value)

    return read


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if value not in ("true", "false"):
        raise InvalidOption(f"one of true, false, not {value!r}")
    return bool(value == "true")


def _keys(value: Any) -> KeyRing:
    # A value that hides what it has: settings are shown, and so are errors.
    return KeyRing(parse_keys(value), "this setting")


def _setting(read: Callable[[Any], Any], default: Any, what: str) -> Any:
    return field(default=default, metadata={"read": read, "what": what})


@dataclass(frozen=True)
class Configuration:
    """Everything that can be configured from outside the code.

    Attributes:
        origins: where each setting comes from, by its name; ``"default"`` for those that nobody has set.
    """

    url: str | None = _setting(_text, None, "the server")
    prefix: str = _setting(_name, "jq", "what keys begin with")
    queue: str = _setting(_name, "default", "the queue of tasks that name none")
    app: str | None = _setting(_text, None, "the application, module:name")
    queues: tuple[str, ...] = _setting(_names, (), "the queues of workers; those of the tasks if it is left out")
    processes: int = _setting(_whole(1, 256), 1, "how many processes run jobs")
    concurrency: int = _setting(_whole(1, 10_000), 50, "how many jobs each of them runs at once")
    shutdown_timeout: float = _setting(_duration, 30.0, "how long running jobs have to end when a worker stops")
    log_level: str = _setting(_choice("debug", "info", "warning", "error"), "info", "what workers log")
    log_format: str = _setting(_choice("text", "json"), "text", "lines for people, or JSON objects")
    lease: float = _setting(_duration, 30.0, "after which time without a heartbeat a worker is taken for dead")
    max_lost: int = _setting(_whole(1, 20), 3, "how often a job may be lost with its worker before it has failed")
    durability: str = _setting(checked_durability, "memory", "how safe a job is when enqueue returns")
    durability_timeout: float = _setting(_duration, 5.0, "how long enqueueing waits for that")
    max_payload: int = _setting(_whole(1024, 512 * 1024 * 1024), 1024 * 1024, "bytes that a job may have")
    completed_age: float = _setting(_duration, 86_400.0, "how long completed jobs are kept")
    completed_count: int = _setting(_whole(0, 1_000_000_000), 10_000, "how many of them at most")
    failed_age: float = _setting(_duration, 604_800.0, "how long failed jobs are kept")
    failed_count: int = _setting(_whole(0, 1_000_000_000), 10_000, "how many of them at most")
    cancelled_age: float = _setting(_duration, 86_400.0, "how long cancelled jobs are kept")
    cancelled_count: int = _setting(_whole(0, 1_000_000_000), 10_000, "how many of them at most")
    # A ring of keys does not change.
    signing_keys: _Keys = _setting(_keys, None, "the keys that sign, as NAME:BASE64")  # noqa: RUF009
    signing_required: bool = _setting(_flag, True, "whether what is not signed is refused")
    signing_max_age: float | None = _setting(_duration, None, "after which time a signed job is not begun any more")
    encryption_keys: _Keys = _setting(_keys, None, "the keys that encrypt, as NAME:BASE64")  # noqa: RUF009
    encryption_required: bool = _setting(_flag, True, "whether what is not encrypted is refused")
    origins: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # Whoever gives keys by hand is not to find them in a repr either.
        for name in ("signing_keys", "encryption_keys"):
            if (keys := getattr(self, name)) is not None and not isinstance(keys, KeyRing):
                object.__setattr__(self, name, KeyRing(keys, name))

    @classmethod
    def find(cls, folder: Path | None = None, environment: Mapping[str, str] | None = None) -> "Configuration":
        """Read the environment and the file.

        Args:
            folder: where to look for the file; the current folder if it is left out.
            environment: the variables; those of the process if it is left out.

        Raises:
            InvalidOption: a setting does not exist, or has a value that cannot work.
        """
        variables = os.environ if environment is None else environment
        values: dict[str, Any] = {}
        origins: dict[str, str] = {}
        sources = [_of_environment(variables), _of_file(Path.cwd() if folder is None else folder, variables)]
        for source in sources:
            for name, value, origin in source:
                if name not in origins:
                    values[name], origins[name] = _checked(name, value, origin), origin
        found = cls(**values, origins={name: origins.get(name, DEFAULT) for name in names()})
        found._check()
        return found

    def _check(self) -> None:
        """Refuse what an application would refuse: one setting after the other, to know which it is."""
        for name, origin in self.origins.items():
            if origin == DEFAULT:
                continue
            try:
                Configuration(**{name: getattr(self, name)}).settings()
            except ValueError as error:
                raise InvalidOption(f"{origin}: {error}") from None

    def settings(self) -> Settings:
        """Return those of an application."""
        kept = Retention(
            Keep(self.completed_age, self.completed_count),
            Keep(self.failed_age, self.failed_count),
            Keep(self.cancelled_age, self.cancelled_count),
        )
        signing = encryption = None
        if isinstance(self.signing_keys, KeyRing):
            keys = self.signing_keys.as_mapping()
            signing = Signing(keys, require=self.signing_required, max_age=self.signing_max_age)
        if isinstance(self.encryption_keys, KeyRing):
            encryption = Encryption(self.encryption_keys.as_mapping(), require=self.encryption_required)
        return Settings(
            self.prefix,
            self.queue,
            kept,
            self.max_payload,
            self.lease,
            self.max_lost,
            checked_durability(self.durability),
            self.durability_timeout,
            signing,
            encryption,
        )


def names() -> tuple[str, ...]:
    """Return the names of all settings."""
    return tuple(each.name for each in fields(Configuration) if each.metadata)


def default_of(name: str) -> Any:
    """Return the default of a setting."""
    return next(each.default for each in fields(Configuration) if each.name == name)


def meaning_of(name: str) -> str:
    """Return what a setting is, in a few words."""
    return str(next(each.metadata["what"] for each in fields(Configuration) if each.name == name))


def mistyped(environment: Mapping[str, str]) -> Iterator[str]:
    """Yield variables that look like those of settings and are none, each with the one that may be meant."""
    known = [PREFIX + name.upper() for name in names()]
    for variable in sorted(environment):
        if variable.startswith(PREFIX) and variable not in known and variable not in OTHER_VARIABLES:
            yield f"{variable} is no setting{suggestion(variable, known)}"


def _of_environment(environment: Mapping[str, str]) -> Iterator[tuple[str, Any, str]]:
    for name in names():
        variable = PREFIX + name.upper()
        # One that is empty is one that is not set, as for shells.
        if environment.get(variable):
            yield name, environment[variable], f"${variable}"
    if environment.get("REDIS_URL"):
        yield "url", environment["REDIS_URL"], "$REDIS_URL"


def _of_file(folder: Path, environment: Mapping[str, str]) -> Iterator[tuple[str, Any, str]]:
    if named := environment.get(VARIABLE):
        path = folder / named
        if not path.is_file():
            raise InvalidOption(f"${VARIABLE} names {named!r}, which is no file")
        table = _table(path)
    elif (path := folder / FILE).is_file():
        table = _table(path)
    else:
        for parent in (folder, *folder.parents):
            path = parent / "pyproject.toml"
            if path.is_file() and isinstance(tools := _table(path).get("tool"), dict) and "jobqueue" in tools:
                table = tools["jobqueue"]
                break
        else:
            return
    if not isinstance(table, dict):
        raise InvalidOption(f"{path.name}: [tool.jobqueue] is a table, not {table!r}")
    for name, value in table.items():
        if name not in names():
            raise InvalidOption(f"{path.name}: there is no setting {name!r}{suggestion(name, names())}")
        yield name, value, path.name


def _table(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidOption(f"{path.name} cannot be read: {error}") from None


def _checked(name: str, value: Any, origin: str) -> Any:
    read = next(each.metadata["read"] for each in fields(Configuration) if each.name == name)
    try:
        return read(value)
    except InvalidOption as error:
        text = str(error)
        raise InvalidOption(
            f"{origin}: {name} must be {text}" if text.startswith(("a ", "one ")) else f"{origin}: {name}: {text}"
        ) from None
    except ValueError as error:
        raise InvalidOption(f"{origin}: {name}: {error}") from None
