"""How commands and replies are told apart in the bytes of a connection: RESP2, as far as a proxy has to know it."""

END = b"\r\n"


def end_of(data: bytes | bytearray, start: int = 0) -> int | None:
    """Return where the command or reply ends that begins at a place; None if the rest of it has not come yet.

    Raises:
        ValueError: it is not RESP2.
    """
    left = 1
    while left:
        line = data.find(END, start)
        if line < 0:
            return None
        kind = data[start : start + 1]
        if kind in (b"+", b"-", b":"):
            start = line + 2
        elif kind == b"$":
            length = int(data[start + 1 : line])
            start = line + 2 + (length + 2 if length >= 0 else 0)
            if start > len(data):
                return None
        elif kind == b"*":
            left += max(int(data[start + 1 : line]), 0)
            start = line + 2
        else:
            raise ValueError(f"not RESP2: {bytes(data[start : start + 40])!r}")
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
