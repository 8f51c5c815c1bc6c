"""How commands and replies are told apart in the bytes of a connection, as far as a proxy must: RESP2 and RESP3."""

END = b"\r\n"
LINES, STRINGS, ARRAYS = b"+-:_#,(", b"$=!", b"*~>"


def end_of(data: bytes | bytearray, start: int = 0) -> int | None:
    """Return where the command or reply ends that begins at a place; None if the rest of it has not come yet.

    Raises:
        ValueError: it is neither.
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
                raise ValueError(f"not RESP: {bytes(data[start - 20 : start + 40])!r}")
        left -= 1
    return start


def words_of(command: bytes) -> list[bytes]:
    """Return the words of a command.

    Raises:
        ValueError: it is not an array of strings.
    """
    line = command.find(END)
    if command[:1] != b"*":
        raise ValueError(f"not a command: {command[:40]!r}")
    words, start = [], line + 2
    for _ in range(int(command[1:line])):
        line = command.find(END, start)
        length = int(command[start + 1 : line])
        words.append(command[line + 2 : line + 2 + length])
        start = line + 2 + length + 2
    return words
