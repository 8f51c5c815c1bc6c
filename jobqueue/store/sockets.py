"""What commands from ordinary code go through: connections that threads take turns with.

As in ``jobqueue.store.channel``, redis-py makes the connections, and this module writes and reads: redis-py takes some
fifty microseconds of a processor for a command, mostly around what is sent.
"""

import select
import socket
import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import redis
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import ResponseError

from jobqueue.store.resp import Commands, is_spoken, new_parser, packed, read_replies

CHUNK = 64 * 1024
"""Bytes that are read at once."""


class Sockets(Protocol):
    """What sends commands, for any number of threads."""

    def send(self, commands: Commands) -> list[Any]:
        """Send commands in one round trip, and return their replies; errors of the server are among them.

        Raises:
            redis.RedisError, OSError: there was no reply. It is not known what was executed.
        """
        ...

    def renew(self) -> None:
        """Close what nobody uses: the next command goes through a new connection."""
        ...


def sockets_of(connections: "redis.Redis", most: int) -> Sockets:
    """Return connections like those of a client, if they can be had; else what uses that client.

    Args:
        connections: the client.
        most: how many connections at the same time.
    """
    pool = connections.connection_pool
    # Through TLS there may be something to read on a connection that is well; a sentinel's ask each time who it is.
    plain = pool.connection_class in (redis.Connection, redis.UnixDomainSocketConnection)
    return DirectSockets(connections, most) if is_spoken() and plain else PooledSockets(connections)


class PooledSockets:
    """Leaves all of it to redis-py.

    Args:
        connections: the client.
    """

    def __init__(self, connections: "redis.Redis") -> None:
        self._redis = connections

    def send(self, commands: Commands) -> list[Any]:
        """See ``Sockets``."""
        if len(commands) == 1:
            try:
                return [self._redis.execute_command(*commands[0])]
            except ResponseError as error:
                return [error]
        with self._redis.pipeline(transaction=False) as pipeline:
            for words in commands:
                pipeline.execute_command(*words)
            return list(pipeline.execute(raise_on_error=False))

    def renew(self) -> None:
        """See ``Sockets``."""
        pool = self._redis.connection_pool
        if redis.VERSION >= (7,):
            pool.disconnect(inuse_connections=False)
        else:
            # It knows all or none. Threads that are in the middle of a call send it again.
            pool.disconnect()


class DirectSockets:
    """Connections of its own, as many as are used at the same time.

    Args:
        connections: the client.
        most: how many connections at the same time.
    """

    def __init__(self, connections: "redis.Redis", most: int) -> None:
        self._pool = connections.connection_pool
        self._readers: Mapping[Any, Callable[..., Any]] = connections.response_callbacks
        self._most = most
        self._made = 0
        self._idle: deque[_Line] = deque()
        self._waiting = 0
        self._changed = threading.Condition()

    def send(self, commands: Commands) -> list[Any]:
        """See ``Sockets``."""
        data = packed(commands)
        line = self._take()
        try:
            replies = line.exchange(data, len(commands))
        except BaseException:  # also an interrupt: what comes next on it would be the reply to this
            self._drop(line)
            raise
        self._idle.append(line)
        self._tell()
        return read_replies(self._readers, commands, replies)

    def renew(self) -> None:
        """See ``Sockets``."""
        while self._idle:
            try:
                self._drop(self._idle.pop())
            except IndexError:
                return  # another thread has taken it

    def _take(self) -> "_Line":
        try:
            while True:
                line = self._idle.pop()
                if line.alive:
                    return line
                self._drop(line)
        except IndexError:
            return self._make()

    def _make(self) -> "_Line":
        with self._changed:
            # Before it looks: whoever gives a line back looks for those who wait after that.
            self._waiting += 1
            try:
                while self._made >= self._most:
                    if self._idle:
                        return self._idle.pop()
                    self._changed.wait()
                self._made += 1
            finally:
                self._waiting -= 1
        try:
            return _Line(self._pool.connection_class(**self._pool.connection_kwargs))
        except BaseException:  # also an interrupt: it counts as made, and nobody would ever give it back
            self._forget()
            raise

    def _drop(self, line: "_Line") -> None:
        line.close()
        self._forget()

    def _forget(self) -> None:
        with self._changed:
            self._made -= 1
            self._changed.notify()

    def _tell(self) -> None:
        if self._waiting:
            with self._changed:
                self._changed.notify()


class _Line:
    """A connection that one thread uses at a time."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        connection.connect()
        self._socket: socket.socket = connection._sock  # noqa: SLF001  there is no other way to it
        self._reader = new_parser()
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)

    @property
    def alive(self) -> bool:
        """Whether nothing has come unasked, such as its end."""
        return not self._poll.poll(0)

    def exchange(self, data: bytes, count: int) -> list[Any]:
        """Send something, and return so many replies."""
        self._socket.sendall(data)
        replies: list[Any] = []
        while len(replies) < count:
            received = self._socket.recv(CHUNK)
            if not received:
                raise ConnectionLost("the connection was closed by the server")
            self._reader.feed(received)
            while (reply := self._reader.gets()) is not False:
                replies.append(reply)
        return replies

    def close(self) -> None:
        """Close it."""
        self._connection.disconnect()
