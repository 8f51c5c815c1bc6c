"""A terminal that is drawn on: its own screen, keys as they are pressed, and all as it was before at the end."""

import os
import re
import select
import shutil
import signal
import sys
import termios
import tty
from collections.abc import Sequence
from types import FrameType, TracebackType
from typing import Any, Self

_ENTER = "\x1b[?1049h\x1b[?25l"  # the other screen, and no cursor
_LEAVE = "\x1b[?25h\x1b[?1049l"
_SEQUENCE = re.compile(r"\x1b(\[[0-9;?]*.?|O.?)?")  # arrows and the like
_HOME, _REST_OF_LINE, _REST_OF_SCREEN = "\x1b[H", "\x1b[K", "\x1b[J"


class Ended(Exception):
    """The process was told to end by a signal."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Screen:
    """The terminal of this process, while a block is executed; what was on it before comes back at the end.

    It is left alone while the process is stopped by Ctrl-Z, and taken again when it goes on.
    """

    def __init__(self) -> None:
        self._keys = sys.stdin.fileno()
        self._typed: list[str] = []
        self._before: list[Any] = []
        self._handlers: dict[int, Any] = {}
        self._wake, self._waker = os.pipe()
        os.set_blocking(self._waker, False)
        os.set_blocking(self._wake, False)

    def __enter__(self) -> Self:
        self._before = termios.tcgetattr(self._keys)
        try:
            self._take()
            for number, handler in (
                (signal.SIGWINCH, self._resized),
                (signal.SIGTSTP, self._stopped),
                (signal.SIGTERM, self._ended),
                (signal.SIGHUP, self._ended),
            ):
                self._handlers[number] = signal.signal(number, handler)
        except BaseException:  # whatever it is, the terminal must be as it was
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines."""
        found = (
            shutil.get_terminal_size((80, 24)) if not sys.stdout.isatty() else os.get_terminal_size(sys.stdout.fileno())
        )
        return found.columns, found.lines

    def draw(self, lines: Sequence[str]) -> None:
        """Show lines, in the place of those before: in one write, and nothing is cleared that is written again."""
        self._write(_HOME + f"{_REST_OF_LINE}\r\n".join(lines) + _REST_OF_LINE + _REST_OF_SCREEN)

    def key(self, timeout: float) -> str | None:
        """Wait for a key.

        Args:
            timeout: seconds to wait at most.

        Returns:
            The key; empty if the terminal has another size now, or was taken again; None when the time is over.
        """
        if self._typed:
            return self._typed.pop(0)
        readable, _, _ = select.select([self._keys, self._wake], [], [], max(0.0, timeout))
        if self._wake in readable:
            os.read(self._wake, 4096)
            return ""
        if self._keys in readable:
            typed = os.read(self._keys, 64)
            if not typed:
                raise Ended(signal.SIGHUP)  # the terminal is gone
            self._typed = list(_SEQUENCE.sub("", typed.decode("latin-1")))
            return self._typed.pop(0) if self._typed else ""
        return None

    def _take(self) -> None:
        tty.setcbreak(self._keys, termios.TCSANOW)
        self._write(_ENTER)

    def _give_back(self) -> None:
        self._write(_LEAVE)
        termios.tcsetattr(self._keys, termios.TCSANOW, self._before)

    def _end(self) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        try:
            self._give_back()
        except (OSError, termios.error):
            pass  # there is no terminal any more
        os.close(self._wake)
        os.close(self._waker)

    def _write(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    def _resized(self, number: int, frame: FrameType | None) -> None:
        try:
            os.write(self._waker, b".")
        except BlockingIOError:
            pass  # there is enough to read

    def _stopped(self, number: int, frame: FrameType | None) -> None:
        self._give_back()
        os.kill(os.getpid(), signal.SIGSTOP)
        self._take()
        self._resized(number, frame)

    def _ended(self, number: int, frame: FrameType | None) -> None:
        raise Ended(number)
