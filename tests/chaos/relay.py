"""A wire between two servers that can fall silent: nothing comes through any more, and neither end is told."""

import contextlib
import socket
import threading


class Relay:
    """Carries bytes between whoever connects and a server.

    Args:
        server: the port of the server, on 127.0.0.1.
    """

    def __init__(self, server: int) -> None:
        self._server = server
        self._silent = threading.Event()
        self._sockets: list[socket.socket] = []
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._door.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def silence(self) -> None:
        """Carry nothing any more, and close nothing."""
        self._silent.set()

    def close(self) -> None:
        """Close all connections."""
        self._silent.set()
        for each in (self._door, *self._sockets):
            # Closing alone does not wake up who waits for them.
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # it was closed
            while True:
                ours, _ = self._door.accept()
                theirs = socket.create_connection(("127.0.0.1", self._server))
                self._sockets += [ours, theirs]
                for pair in ((ours, theirs), (theirs, ours)):
                    threading.Thread(target=self._carry, args=pair, daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):  # one of them was closed
            while data := source.recv(65_536):
                if not self._silent.is_set():
                    target.sendall(data)
            if not self._silent.is_set():
                target.shutdown(socket.SHUT_WR)
