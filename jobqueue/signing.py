"""Signing: who has no key cannot have a worker run what he has written into the server."""

import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple

from jobqueue.durations import seconds
from jobqueue.errors import InvalidOption
from jobqueue.keyring import KeyRing, frame

_SIGNATURE = re.compile(
    rb',"sig":"1\.(job|group|schedule|result)\.([A-Za-z0-9_-]{1,64})\.(\d{1,15})\.([A-Za-z0-9_-]{43})"\}\Z'
)


class Binding(NamedTuple):
    """What a text belongs to: nowhere else is it taken for genuine.

    Attributes:
        purpose: ``job``, ``group`` (a job that may stand for others), ``schedule`` or ``result``.
        place: the prefix and the queue, ``PREFIX:QUEUE``.
        id: the id of the job or schedule; empty for a group.
    """

    purpose: str
    place: str
    id: str


class Distrusted(ValueError):
    """A text is not what somebody with a key has written for this place."""


class Signing:
    """Signs jobs, schedules and results with HMAC-SHA256, and refuses those that are not signed.

    Args:
        keys: secret keys by name: the first one signs, all of them verify. A key is 32 random bytes or more, or their
            base64 as text.
        require: whether to refuse what is not signed. False is for the time in which signing is introduced: what has a
            signature must have a right one, and what has none is accepted.
        max_age: seconds (or a ``timedelta``) after which a job that was signed is not begun any more, by the clock of
            its producer; None for no limit. It must be longer than jobs wait, with all their delays and retries.

    Raises:
        InvalidOption: there is no key, one is too short, or another value cannot work.
    """

    __slots__ = ("keys", "max_age", "require")

    def __init__(
        self, keys: Mapping[str, bytes | str], *, require: bool = True, max_age: float | timedelta | None = None
    ) -> None:
        if not isinstance(require, bool):
            raise InvalidOption(f"require= of Signing is True or False, not {require!r}")
        self.keys = KeyRing(keys, "signing")
        self.require = require
        self.max_age = None if max_age is None else seconds(max_age, "max_age= of Signing")
        if self.max_age == 0:
            raise InvalidOption("max_age= of Signing must be more than 0 seconds: every job would be refused")

    def __repr__(self) -> str:
        return f"Signing(keys={', '.join(self.keys)}; require={self.require}, max_age={self.max_age})"

    def sign(self, binding: Binding, text: bytes, at: int) -> bytes:
        """Return a JSON object with the member ``sig`` at its end.

        Args:
            binding: what it belongs to.
            text: the object, with at least one member.
            at: the time, in milliseconds since 1970; 0 for what is to be the same text whoever signs it.
        """
        name = self.keys.current
        mac = _mac(self.keys[name], binding, name, b"%d" % at, text)
        signature = f"1.{binding.purpose}.{name}.{at}.{mac.decode()}"
        return b'%b,"sig":"%b"}' % (text[:-1], signature.encode())

    def check(self, binding: Binding, text: bytes, now: float | None = None) -> tuple[bytes, bool]:
        """Return a text without its signature, and whether it had one.

        Args:
            binding: what it must belong to. If the purpose is ``job``, that of a group will do as well.
            text: the text.
            now: the time of the server in seconds since 1970; None to accept any age.

        Raises:
            Distrusted: it has none and must have one, or it is wrong.
        """
        found = _SIGNATURE.search(text, max(0, len(text) - 160))
        if found is None:
            if self.require:
                raise Distrusted("it is not signed")
            return text, False
        purpose, name, at, mac = found.groups()
        if purpose == b"group" and binding.purpose == "job":
            binding = Binding("group", binding.place, "")
        elif purpose.decode() != binding.purpose:
            raise Distrusted(f"it has the signature of a {purpose.decode()}")
        key = self.keys.get(name.decode())
        if key is None:
            raise Distrusted(f"it is signed with key {name.decode()!r}, which is not known here")
        unsigned = text[: found.start()] + b"}"
        if not hmac.compare_digest(mac, _mac(key, binding, name.decode(), at, unsigned)):
            raise Distrusted("its signature is wrong: it was altered, or was made for another job or queue")
        if self.max_age is not None and now is not None and now - int(at) / 1000 > self.max_age:
            raise Distrusted(f"it was signed more than max_age={self.max_age:g} seconds ago")
        return unsigned, True


def _mac(key: bytes, binding: Binding, name: str, at: bytes, text: bytes) -> bytes:
    place = (binding.purpose.encode(), binding.place.encode(), binding.id.encode())
    digest = hmac.digest(key, frame(b"jobqueue signature 1", name.encode(), *place, at, text), "sha256")
    return urlsafe_b64encode(digest).rstrip(b"=")


def signature_within(text: bytes) -> bool:
    """Tell whether a text ends with what looks like a signature."""
    return _SIGNATURE.search(text, max(0, len(text) - 160)) is not None


def without_signature(text: bytes) -> bytes:
    """Return a text without the signature that it may end with, which is not looked at."""
    found = _SIGNATURE.search(text, max(0, len(text) - 160))
    return text if found is None else text[: found.start()] + b"}"
