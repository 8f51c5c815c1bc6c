"""Texts that anybody may have written, as they are shown in a terminal or a log."""

import re

# Control characters but the tab and the end of a line, without the sequences that set colours: ours are among them,
# and those of others do no harm.
_CONTROL = re.compile("(\x1b\\[[0-9;]{0,20}m)|[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    """Return a text in which what would move the cursor, or turn letters around, can be read instead."""
    if text.isprintable():
        return text
    return _CONTROL.sub(lambda found: found[1] or found[0].encode("unicode_escape").decode("ascii"), text)
