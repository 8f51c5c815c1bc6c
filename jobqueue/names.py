"""Which names queues, tasks and jobs may have, and where ids come from."""

import os
import re
from binascii import b2a_base64

from jobqueue.errors import InvalidName

# No braces: they would move the hash tag of a key. No white space: the store separates words with it.
_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,128}", re.ASCII)


_LETTERS = bytes.maketrans(b"+/", b"Zz")


def check_name(name: str, what: str) -> str:
    """Return the name, if it may be used.

    Args:
        name: the name.
        what: what it names, for the error: ``"queue"``, ``"task"``, ``"job id"``.

    Raises:
        InvalidName: it is empty, too long, or has other characters than ``A-Z a-z 0-9 _ . : -``.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidName(f"{what} {name!r}: use 1 to 128 of the characters A-Z a-z 0-9 _ . : -")
    return name


def may_begin_a_name(text: str) -> bool:
    """Tell whether a text may be a name, or the beginning of one."""
    return _NAME.fullmatch(text) is not None


# Keys are texts of the user's: ids of tenants, addresses. They have no character that separates words in the store.
_KEY = re.compile(r"[A-Za-z0-9_.:@/+=-]{1,128}", re.ASCII)


def check_key(key: object) -> str:
    """Return the key of a job, if it may be used; a whole number is taken as text.

    Raises:
        InvalidName: it is empty, too long, or has other characters than ``A-Z a-z 0-9 _ . : @ / + = -``.
    """
    text = str(key) if isinstance(key, int) and not isinstance(key, bool) else key
    if not isinstance(text, str) or not _KEY.fullmatch(text):
        raise InvalidName(f"key {key!r}: use 1 to 128 of the characters A-Z a-z 0-9 _ . : @ / + = -")
    return text


def new_id() -> str:
    """Return a new job id: 14 letters and digits, 80 random bits.

    Fourteen, because Redis then keeps an id in 16 bytes; random rather than ordered by time, because ids that share
    no prefix can be shortened at a prompt, and because every bit then counts against a collision.
    """
    # What base64.b64encode() does, without its detours: the id is a good part of what a job costs its producer.
    return b2a_base64(os.urandom(10), newline=False).translate(_LETTERS)[:14].decode("ascii")
