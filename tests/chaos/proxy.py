"""Stands between clients and a server, sees each command, and does to it what a plan says."""

import asyncio
import contextlib
import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from chaos.resp import end_of, words_of

from jobqueue.store.script import script, script_names


@dataclass(frozen=True, slots=True)
class Command:
    """A command on its way.

    Attributes:
        number: how many have passed before it, on all connections.
        name: the name of its script, or its first word in capitals.
        words: all its words.
    """

    number: int
    name: str
    words: list[bytes]


class Action:
    """What is done to a command."""

    __slots__ = ()


class Pass(Action):
    """Nothing."""


class CutBefore(Action):
    """The server never gets it, and the connection is cut."""


class Swallow(Action):
    """The server executes it; instead of the reply the connection is cut."""


class CutReply(Action):
    """The server executes it; the connection is cut in the middle of the reply."""


class BlackHole(Action):
    """The server never gets it, and nobody is told: the connection stays open, and silent."""


class Deafen(Action):
    """The server executes it; neither its reply nor any other ever comes, and the connection stays open."""


@dataclass(frozen=True, slots=True)
class Delay(Action):
    """It is held back.

    Attributes:
        seconds: for how long.
    """

    seconds: float


@dataclass(frozen=True, slots=True)
class Inject(Action):
    """The server never gets it; an error is replied.

    Attributes:
        error: what the error says, without the minus sign.
    """

    error: str


@dataclass(frozen=True, slots=True)
class Then(Action):
    """The server executes it; then something is done, and the connection is cut instead of the reply.

    Attributes:
        do: what is done, in a thread of the proxy.
    """

    do: Callable[[], None]


PASS = Pass()
Plan = Callable[[Command], Action]
"""Says what is done to a command. It is called in the proxy's thread, once for each command, in their order."""


class Proxy:
    """A proxy on a unix socket, or on a port of the loopback.

    Args:
        place: the unix socket to listen at, or the number of the port.
        server: the unix socket or port of the server. It may be changed: new connections go to the new one.
    """

    def __init__(self, place: str | int, server: str | int) -> None:
        self.server = server
        self.plan: Plan = lambda command: PASS
        self.open = True
        self.done: dict[str, int] = {}
        self._numbers = itertools.count()
        self._place = place
        self._links: set[_Link] = set()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="chaos-proxy", daemon=True)
        self._thread.start()
        self._ready.wait()

    @property
    def url(self) -> str:
        """Where clients find it."""
        return f"redis://127.0.0.1:{self._place}/0" if isinstance(self._place, int) else f"unix://{self._place}"

    @property
    def faults(self) -> int:
        """How many commands something was done to."""
        return sum(self.done.values())

    def cut_all(self) -> None:
        """Cut all connections."""
        self._loop.call_soon_threadsafe(lambda: [link.cut() for link in list(self._links)])

    def silence_all(self) -> None:
        """Let nothing through on the connections that there are now, and leave them open."""

        def silence() -> None:
            for link in self._links:
                link.silence()
            done.set()

        done = threading.Event()
        self._loop.call_soon_threadsafe(silence)
        done.wait(5)

    def refuse(self, refusing: bool = True) -> None:
        """Cut all connections and let in no new one; or let them in again."""
        self.open = not refusing
        if refusing:
            self.cut_all()

    def close(self) -> None:
        """Close everything, and wait for the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def judge(self, data: bytes) -> tuple[Command, Action]:
        """Return a command, and what is to be done to it."""
        words = words_of(data)
        command = Command(next(self._numbers), name_of(words), words)
        action = self.plan(command)
        if not isinstance(action, Pass):
            kind = type(action).__name__
            self.done[kind] = self.done.get(kind, 0) + 1
        return command, action

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._listen())
        self._ready.set()
        self._loop.run_forever()
        for link in list(self._links):
            link.cut()
        self._listening.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    async def _listen(self) -> None:
        def make() -> _Link:
            return _Link(self, self._links, self._loop)

        if isinstance(self._place, int):
            self._listening = await self._loop.create_server(make, "127.0.0.1", self._place)
        else:
            self._listening = await self._loop.create_unix_server(make, self._place)


@contextlib.contextmanager
def proxy(place: str | int, server: str | int) -> Iterator[Proxy]:
    """Stand between clients and a server, until the end of the block."""
    standing = Proxy(place, server)
    try:
        yield standing
    finally:
        standing.close()


class _Link(asyncio.Protocol):
    """One client, and its connection to the server."""

    def __init__(self, owner: Proxy, links: "set[_Link]", loop: asyncio.AbstractEventLoop) -> None:
        self._owner = owner
        self._links = links
        self._loop = loop
        self._requests = bytearray()
        self._replies = bytearray()
        # What the next replies are for; an injected error waits here until those before it have come.
        self._waiting: deque[Action] = deque()
        self._client: asyncio.Transport | None = None
        self._server: asyncio.Transport | None = None
        self._is_raw = self._is_deaf = self._is_held = False
        self._dialling: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._client = transport
        if not self._owner.open:
            transport.abort()
            return
        self._links.add(self)
        self._dialling = self._loop.create_task(self._dial())

    def data_received(self, data: bytes) -> None:
        self._requests += data
        self._pump()

    def connection_lost(self, error: Exception | None) -> None:
        self.cut()

    def cut(self) -> None:
        """Close both connections at once."""
        self._links.discard(self)
        for transport in (self._client, self._server):
            if transport is not None:
                transport.abort()

    def silence(self) -> None:
        """Let nothing through from now on."""
        self._is_deaf = True

    async def _dial(self) -> None:
        place = self._owner.server
        try:
            if isinstance(place, int):
                await self._loop.create_connection(lambda: _Back(self), "127.0.0.1", place)
            else:
                await self._loop.create_unix_connection(lambda: _Back(self), place)
        except OSError:
            self.cut()
            return
        self._pump()

    def server_is(self, transport: asyncio.Transport) -> None:
        """The connection to the server is there."""
        self._server = transport

    def _pump(self) -> None:
        """Send on what has come, command by command."""
        start = 0
        while self._server is not None and not self._is_held and not self._server.is_closing():
            end = end_of(self._requests, start)
            if end is None:
                break
            data = bytes(self._requests[start:end])
            start = end
            if self._is_deaf:
                continue
            command, action = self._owner.judge(data)
            if command.name in ("SUBSCRIBE", "PSUBSCRIBE"):
                self._is_raw = True
            match action:
                case CutBefore():
                    self.cut()
                    return
                case BlackHole():
                    self._is_deaf = True
                case Inject():
                    self._waiting.append(action)
                    self._flush()
                case Delay(seconds):
                    self._is_held = True
                    self._waiting.append(PASS)
                    self._loop.call_later(seconds, self._release, data)
                case _:
                    self._waiting.append(action)
                    self._server.write(data)
        del self._requests[:start]

    def _release(self, data: bytes) -> None:
        self._is_held = False
        if self._server is not None and not self._server.is_closing():
            self._server.write(data)
            self._pump()

    def replied(self, data: bytes) -> None:
        """Bytes have come from the server."""
        if self._client is None or self._is_deaf:
            return
        if self._is_raw:
            self._client.write(data)
            return
        self._replies += data
        while self._replies and (end := end_of(self._replies)) is not None:
            reply = bytes(self._replies[:end])
            del self._replies[:end]
            if not self._answer(self._waiting.popleft() if self._waiting else PASS, reply):
                return
            self._flush()

    def _answer(self, action: Action, reply: bytes) -> bool:
        """Hand on a reply, or do what was planned; return whether the connection goes on."""
        assert self._client is not None
        match action:
            case Swallow():
                self.cut()
                return False
            case CutReply():
                self._client.write(reply[: max(1, len(reply) // 2)])
                self._client.close()
                self.cut_later()
                return False
            case Deafen():
                self._is_deaf = True
                return False
            case Then(do):
                self._is_deaf = True
                self._loop.run_in_executor(None, do).add_done_callback(lambda done: self.cut())
                return False
        self._client.write(reply)
        return True

    def cut_later(self) -> None:
        """Close both connections when what was written has gone."""
        self._loop.call_later(0.02, self.cut)

    def _flush(self) -> None:
        """Send injected errors that are next."""
        while self._waiting and isinstance(self._waiting[0], Inject):
            error = self._waiting.popleft()
            assert isinstance(error, Inject)
            if self._client is not None:
                self._client.write(f"-{error.error}\r\n".encode())


class _Back(asyncio.Protocol):
    """The connection to the server."""

    def __init__(self, link: _Link) -> None:
        self._link = link

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._link.server_is(transport)

    def data_received(self, data: bytes) -> None:
        self._link.replied(data)

    def connection_lost(self, error: Exception | None) -> None:
        self._link.cut()


def name_of(words: list[bytes]) -> str:
    """Return the name of the script that a command calls, or of the command."""
    first = words[0].upper().decode("ascii", "replace")
    if first in ("EVALSHA", "EVAL"):
        return _scripts().get(words[1], first)
    return first


@cache
def _scripts() -> dict[bytes, str]:
    found = {}
    for name in script_names():
        for flagged in (False, True):
            found[script(name).sha(flagged).encode()] = name
            found[script(name).text(flagged).encode()] = name
    return found
