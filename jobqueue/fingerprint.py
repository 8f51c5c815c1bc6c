"""What makes two errors the same: their type, their message without what differs each time, and where they arose."""

import hashlib
import re
from typing import NamedTuple

READ = 2000
"""Characters of a message that are looked at."""

SHOWN = 200
"""Characters that are kept of a message in a pattern."""

UNKNOWN = "-"
"""The fingerprint of a failed job whose record has none: whoever settled it did not send one."""

# Errors that the store writes itself. Their messages are about the worker, or the job that was waited for: they are one
# group each, and the scripts have its fingerprint written out.
_BY_TYPE = frozenset({"WorkerLost", "DependencyFailed"})

# In this order: what is masked by one is not looked at by the next. None of them can match a mask.
_MASKS = tuple(
    (re.compile(pattern, re.ASCII), mask)
    for pattern, mask in (
        (r"\b[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"<>]+", "<url>"),
        # An apostrophe within a word is no quotation mark.
        (r"(?<!\w)'[^'\n]*'(?!\w)|(?<!\w)\"[^\"\n]*\"(?!\w)|`[^`\n]*`", "<text>"),
        (r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+", "<address>"),
        (r"(?<![\w<])(?:[A-Za-z]:)?(?:[/\\][\w.@%+~-]+){2,}[/\\]?", "<path>"),
        (r"\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b", "<id>"),
        (r"\b0[xX][0-9a-fA-F]+\b", "<hex>"),
        (r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?\b", "<time>"),
        (r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b", "<address>"),
        # Words of some length that have letters and digits are ids, hashes, tokens.
        (r"\b(?=\w*[A-Za-z])(?=\w*\d)\w{8,}\b", "<id>"),
        (r"\d+(?:[.,]\d+)*", "<n>"),
    )
)
_FRAME = re.compile(r'^[ |]*File "([^"\n]*)", line \d+, in (.+)$', re.MULTILINE)


class Fingerprint(NamedTuple):
    """What errors of one group have in common.

    Attributes:
        id: 12 hexadecimal digits, the same for the same error in any process.
        pattern: the type and the message, with what differs each time masked, and where it arose.
    """

    id: str
    pattern: str


def masked(message: str) -> str:
    """Return a message on one line, without numbers, ids, quoted texts, addresses and paths."""
    text = message[:READ]
    for pattern, mask in _MASKS:
        text = pattern.sub(mask, text)
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else line[: SHOWN - 1] + "…"


def raised_in(traceback: str) -> str:
    """Return the file and the function of the innermost frame of a traceback, or an empty text.

    Neither the folder, which differs from one machine to the next, nor the line, which differs from one release to the
    next.
    """
    frames = _FRAME.findall(traceback)
    if not frames:
        return ""
    path, function = frames[-1]
    return f"{path.replace(chr(92), '/').rpartition('/')[2]}:{function.strip()}"


def fingerprint_of(error_type: str, message: str, traceback: str = "") -> Fingerprint:
    """Return the fingerprint of an error.

    Args:
        error_type: the name of its class.
        message: its message.
        traceback: its traceback as text, if there is one.
    """
    if error_type in _BY_TYPE:
        pattern = error_type
    else:
        place = raised_in(traceback)
        text = masked(message)
        pattern = error_type + (f": {text}" if text else "") + (f" in {place}" if place else "")
    return Fingerprint(hashlib.sha1(pattern.encode("utf-8", "backslashreplace")).hexdigest()[:12], pattern)
