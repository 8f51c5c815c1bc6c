"""How replies are told apart that a client has asked for in RESP3; those of RESP2 are among them."""

END = b"\r\n"
LINES, STRINGS, ARRAYS = b"+-:_#,(", b"$=!", b"*~>"


def end_of(data: bytes | bytearray, start: int = 0) -> int | None:
    """Return where the command or reply ends that begins at a place; None if the rest of it has not come yet.

    Raises:
        ValueError: it is not RESP3.
    """
    left = 1
    while left:
        line = data.find(END, start)
        if line < 0:
            return None
        kind = data[start]
        if kind in LINES:
            start = line + 2
        else:
            length = int(data[start + 1 : line])
            start = line + 2
            if kind in STRINGS:
                start += length + 2 if length >= 0 else 0
                if start > len(data):
                    return None
            elif kind in ARRAYS:
                left += max(length, 0)
            elif kind == ord("%"):
                left += 2 * length
            elif kind == ord("|"):
                left += 2 * length + 1  # what it is said of comes after it
            else:
                raise ValueError(f"not RESP3: {bytes(data[start - 20 : start + 40])!r}")
        left -= 1
    return start
