"""Keys with names: the first one writes, all of them read."""

import binascii
import hmac
import re
from base64 import b64decode
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any, NoReturn

from jobqueue.errors import InvalidOption

SHORTEST = 32
"""Bytes that a key has at least."""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


class KeyRing:
    """Secret keys by name. Neither ``repr`` nor an error shows one.

    Args:
        keys: the keys by their names, the one that writes first: 32 random bytes or more, or their base64 as text.
        what: what they are for, in errors.

    Raises:
        InvalidOption: there is none, or one cannot be used.
    """

    __slots__ = ("_keys", "current")

    def __init__(self, keys: Mapping[str, bytes | str], what: str) -> None:
        if not isinstance(keys, Mapping) or not keys:
            raise InvalidOption(f"the keys for {what} are a mapping of names to keys, with at least one")
        self._keys = {_checked_name(name, what): _checked_key(name, key, what) for name, key in keys.items()}
        self.current = next(iter(self._keys))

    def __repr__(self) -> str:
        return f"<KeyRing {', '.join(self._keys)}>"

    def __reduce__(self) -> NoReturn:
        # Else keys would be written wherever somebody pickles what refers to them.
        raise TypeError("keys cannot be pickled: build them in each process")

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def get(self, name: str) -> bytes | None:
        """Return a key by its name; None if there is none."""
        return self._keys.get(name)

    def __getitem__(self, name: str) -> bytes:
        return self._keys[name]

    def as_mapping(self) -> Mapping[str, bytes]:
        """Return the keys by their names: for whoever builds something else of them."""
        return dict(self._keys)

    @property
    def fingerprint(self) -> str:
        """A short text that changes with the keys that can read, and tells nothing of them."""
        marks = sorted(hmac.digest(key, name.encode() + b" is here", "sha256") for name, key in self._keys.items())
        return sha256(b"".join(marks)).hexdigest()[:8]


def parse_keys(text: Any) -> Mapping[str, str]:
    """Read keys as a variable has them: ``NAME:BASE64``, separated by commas, the one that writes first.

    Raises:
        InvalidOption: they cannot be read. What they are is not said: that would show them.
    """
    if isinstance(text, Mapping):
        return text
    found: dict[str, str] = {}
    for part in text.split(",") if isinstance(text, str) else ():
        name, colon, key = part.strip().partition(":")
        if not colon or not _NAME.fullmatch(name) or name in found:
            raise InvalidOption("keys are written NAME:BASE64, separated by commas, each name once; these are not")
        found[name] = key
    if not found:
        raise InvalidOption("keys are written NAME:BASE64, separated by commas; there are none")
    return found


def frame(*fields: bytes) -> bytes:
    """Return fields as one text from which they can be told apart: each after its length, in four bytes."""
    return b"".join(part for field in fields for part in (len(field).to_bytes(4, "big"), field))


def _checked_name(name: Any, what: str) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        # Not the name itself: somebody may have taken it for the key.
        raise InvalidOption(f"the name of a key for {what} is 1 to 64 of the characters A-Z a-z 0-9 _ -")
    return name


def _checked_key(name: str, key: Any, what: str) -> bytes:
    if isinstance(key, str):
        try:
            key = b64decode(key.replace("-", "+").replace("_", "/") + "=" * (-len(key) % 4), validate=True)
        except (binascii.Error, ValueError):
            raise InvalidOption(f"key {name!r} for {what} is a text, but not base64") from None
    if not isinstance(key, bytes):
        raise InvalidOption(f"key {name!r} for {what} is a {type(key).__name__}: give bytes, or base64 as a text")
    if len(key) < SHORTEST:
        raise InvalidOption(
            f"key {name!r} for {what} has {len(key)} bytes, and needs {SHORTEST} random ones: make one with"
            " python -c 'import secrets; print(secrets.token_urlsafe(32))'"
        )
    return key
