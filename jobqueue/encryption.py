"""Encryption: who reads the server does not learn what jobs are given and return."""

import binascii
import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from typing import Any

from jobqueue.errors import InvalidOption
from jobqueue.keyring import KeyRing, frame
from jobqueue.signing import Binding, Distrusted

_TOKEN = re.compile(rb"1\.(job|group|schedule|result)\.([A-Za-z0-9_-]{1,64})\.([A-Za-z0-9_-]+)")


class Encryption:
    """Encrypts arguments, options and results with AES-256-GCM.

    Args:
        keys: secret keys by name: the first one encrypts, all of them decrypt. A key is 32 random bytes or more, or
            their base64 as text.
        require: whether to refuse what is not encrypted. False is for the time in which encryption is introduced.

    Raises:
        InvalidOption: there is no key, one is too short, or the package ``cryptography`` is not installed.
    """

    __slots__ = ("_cipher", "_invalid", "keys", "require")

    def __init__(self, keys: Mapping[str, bytes | str], *, require: bool = True) -> None:
        if not isinstance(require, bool):
            raise InvalidOption(f"require= of Encryption is True or False, not {require!r}")
        self.keys = KeyRing(keys, "encryption")
        self.require = require
        try:
            from cryptography.exceptions import InvalidTag
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        except ImportError:
            raise InvalidOption("encryption needs the package cryptography: pip install 'jobqueue[crypto]'") from None
        self._cipher: Callable[[bytes], Any] = AESGCM
        self._invalid: type[Exception] = InvalidTag

    def __repr__(self) -> str:
        return f"Encryption(keys={', '.join(self.keys)}; require={self.require})"

    def encrypt(self, binding: Binding, task: str, text: bytes) -> bytes:
        """Return a token that only this binding and task decrypt.

        Args:
            binding: what it belongs to.
            task: the name of the task; empty for a result.
            text: what nobody is to read.
        """
        name = self.keys.current
        about = _about(binding, name, task)
        key, of_nonces = _message_keys(self.keys[name], about)
        # Made of what it hides, so that the same schedule is the same text in every process. The key is one of this
        # job alone, so that no nonce can meet that of another job.
        nonce = hmac.digest(of_nonces, text, "sha256")[:12]
        hidden = urlsafe_b64encode(nonce + self._cipher(key).encrypt(nonce, text, about)).rstrip(b"=")
        return b"1.%b.%b.%b" % (binding.purpose.encode(), name.encode(), hidden)

    def decrypt(self, binding: Binding, task: str, token: bytes) -> bytes:
        """Return what a token hides.

        Args:
            binding: what it must belong to. If the purpose is ``job``, that of a group will do as well.
            task: the name of the task.
            token: the token.

        Raises:
            Distrusted: there is no key for it here, or it was altered or made for something else.
        """
        found = _TOKEN.fullmatch(token)
        if found is None:
            raise Distrusted("it is encrypted in a way that is not known here")
        purpose, name, hidden = found.groups()
        if purpose == b"group" and binding.purpose == "job":
            binding = Binding("group", binding.place, "")
        elif purpose.decode() != binding.purpose:
            raise Distrusted(f"it is encrypted as a {purpose.decode()}")
        secret = self.keys.get(name.decode())
        if secret is None:
            raise Distrusted(f"it is encrypted with key {name.decode()!r}, which is not known here")
        about = _about(binding, name.decode(), task)
        key, _ = _message_keys(secret, about)
        try:
            raw = urlsafe_b64decode(hidden + b"=" * (-len(hidden) % 4))
            if urlsafe_b64encode(raw).rstrip(b"=") != hidden:
                raise ValueError("one text has one form")
            text: bytes = self._cipher(key).decrypt(raw[:12], raw[12:], about)
        except (self._invalid, binascii.Error, ValueError):
            raise Distrusted(
                "it cannot be decrypted: it was altered, or was made for another job, task or queue"
            ) from None
        return text


def _about(binding: Binding, name: str, task: str) -> bytes:
    place = (binding.purpose.encode(), binding.place.encode(), binding.id.encode(), task.encode())
    return frame(b"jobqueue encryption 1", name.encode(), *place)


def _message_keys(secret: bytes, about: bytes) -> tuple[bytes, bytes]:
    both = hmac.digest(secret, about, "sha512")
    return both[:32], both[32:]
