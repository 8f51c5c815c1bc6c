"""Knows a command by what it is for: by its name, the script that it calls, or the transaction that it ends."""

import hashlib
from collections.abc import Sequence

from chaos.proxy import Command


class Sight:
    """Watches commands, and says which of them are meant.

    What is meant is written like this::

        BRPOP              a command, or a script of jobqueue
        EVALSHA fetch      a command one of whose words is ``fetch``
        EVALSHA ~Move job  one whose script has ``Move job`` in its text
        EXEC ZREM          the end of a transaction in which there is a ZREM
    """

    def __init__(self) -> None:
        self._texts: dict[bytes, bytes] = {}
        self._transaction: list[bytes] | None = None

    def sees(self, command: Command, meant: Sequence[str]) -> bool:
        """Return whether a command is one of those that are meant. Is called for every command, in their order."""
        words = command.words
        first = words[0].upper()
        if first == b"EVAL" or (first == b"SCRIPT" and words[1].upper() == b"LOAD"):
            text = words[1] if first == b"EVAL" else words[2]
            self._texts[hashlib.sha1(text).hexdigest().encode()] = text
        inside: list[bytes] = []
        # A client sends a transaction in one piece, and the proxy takes a piece without a break.
        if first == b"MULTI":
            self._transaction = []
        elif first == b"EXEC":
            inside, self._transaction = self._transaction or [], None
        elif self._transaction is not None:
            self._transaction.append(first)
        return any(self._is(command, each, inside) for each in meant)

    def _is(self, command: Command, meant: str, inside: list[bytes]) -> bool:
        name, _, rest = meant.partition(" ")
        first = command.words[0].upper().decode()
        if name not in (first, command.name):
            return False
        if not rest:
            return True
        if first == "EXEC":
            return rest.encode() in inside
        if rest.startswith("~"):
            script = command.words[1]
            return rest[1:].encode() in self._texts.get(script, script)
        return rest.encode() in command.words
