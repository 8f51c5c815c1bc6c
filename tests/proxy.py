"""A connection that breaks in the worst moment: when a request was executed and its reply is on the way."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

Judge = Callable[[bytes, bytes], bool]
"""Decides whether a reply is swallowed and the connection cut. It is given the last request and the reply."""


class Proxy:
    """Stands between clients and a server.

    Args:
        place: the unix socket to listen at.
        server: the server's unix socket. Another one holds for connections that are made from then on.
    """

    def __init__(self, place: Path, server: Path) -> None:
        self.url = f"unix://{place}"
        self.swallow: Judge = lambda request, reply: False
        self.swallowed = 0
        self.server = server
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(place))
        self._listening.listen()
        self._start(self._accept)

    def close(self) -> None:
        """Close everything, and wait for the threads."""
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        with self._lock:
            for open_socket in self._sockets:
                _shut(open_socket)
        for thread in self._threads:
            thread.join(5)

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            self._start(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        server = socket.socket(socket.AF_UNIX)
        with client, server:
            try:
                server.connect(str(self.server))
            except OSError:
                return
            with self._lock:
                self._sockets |= {client, server}
            last = [b""]
            forward = threading.Thread(target=self._forward, args=(client, server, last), daemon=True)
            forward.start()
            self._back(server, client, last)
            _shut(client)
            _shut(server)
            forward.join()
            with self._lock:
                self._sockets -= {client, server}

    def _forward(self, client: socket.socket, server: socket.socket, last: list[bytes]) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(1 << 20):
                last[0] = data
                server.sendall(data)
        _shut(server)

    def _back(self, server: socket.socket, client: socket.socket, last: list[bytes]) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(1 << 20):
                with self._lock:
                    cut = self.swallow(last[0], data)
                    self.swallowed += cut
                if cut:
                    return
                client.sendall(data)


@contextlib.contextmanager
def proxy(place: Path, server: Path) -> Iterator[Proxy]:
    """Stand between clients and a server, until the end of the block."""
    standing = Proxy(place, server)
    try:
        yield standing
    finally:
        standing.close()


def _shut(open_socket: socket.socket) -> None:
    with contextlib.suppress(OSError):
        open_socket.shutdown(socket.SHUT_RDWR)
