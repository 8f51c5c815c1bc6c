"""Where the Redis server is, and how connections to it are made.

redis-py re-sends commands by default when a connection breaks, which can enqueue or claim twice, and limits the time of
blocking commands. Connections are therefore made here only, with every such setting stated.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import redis
import redis.asyncio
from redis.asyncio.connection import parse_url as async_parse_url
from redis.asyncio.retry import Retry as AsyncNoRetry
from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.retry import Retry as SyncNoRetry

from jobqueue.errors import InvalidURL, suggestion
from jobqueue.store.sentinel import AsyncSentinelConnection, SentinelConnection, Sentinels

CONNECT_TIMEOUT = 5.0
"""Seconds to wait for a connection."""
REPLY_TIMEOUT = 10.0
"""Seconds to wait for the reply to a command that does not block."""

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
# Options of which the value is no secret, and is shown.
_PLAIN = {
    "client_name",
    "db",
    "health_check_interval",
    "max_connections",
    "protocol",
    "retry_on_timeout",
    "sentinel_username",
    "socket_connect_timeout",
    "socket_keepalive",
    "socket_timeout",
    "ssl_ca_certs",
    "ssl_ca_path",
    "ssl_cert_reqs",
    "ssl_certfile",
    "ssl_check_hostname",
    "ssl_ciphers",
    "ssl_keyfile",
    "ssl_min_version",
    "timeout",
    "username",
}
_SECRET = {"password", "sentinel_password", "ssl_password"}
_FILES = {"ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile"}
_SCHEMES = {"redis": "redis", "rediss": "rediss", "unix": "unix", "valkey": "redis", "valkeys": "rediss"}


class Server(ABC):
    """A Redis server.

    Attributes:
        where: its URL without a password, for messages.
        knows_blmove: whether BLMOVE can be used to wait for work.
        lasts: whether what it holds is to outlive this process: else there is no durability to wait for.
        tells_password: whether a password goes through a network as it is, for all who listen there.
    """

    where: str
    knows_blmove = True
    lasts = True
    tells_password = False

    @abstractmethod
    def sync_connections(self, most: int, timeout: float = REPLY_TIMEOUT) -> "redis.Redis":
        """Return a client that waits when ``most`` connections are in use.

        Args:
            most: how many connections at the same time.
            timeout: seconds to wait for a reply, and no longer for a connection.
        """

    @abstractmethod
    def async_connections(self, most: int, timeout: float = REPLY_TIMEOUT) -> "redis.asyncio.Redis":
        """Return the same for asyncio."""


class RemoteServer(Server):
    """A server that is reached through a socket."""

    def __init__(self, url: str) -> None:
        self.where = masked(url)
        self._url = url
        # What else its connections are made with.
        self._sync: Mapping[str, Any] = {}
        self._async: Mapping[str, Any] = {}
        options = parse_url(url)
        self._tls = url.startswith("rediss:")
        self._verifies = options.get("ssl_cert_reqs") != "none"
        self.tells_password = (
            bool(options.get("password"))
            and not (self._tls or url.startswith("unix:"))
            and not _is_local(options.get("host", "localhost"))
        )

    def sync_connections(self, most: int, timeout: float = REPLY_TIMEOUT) -> "redis.Redis":
        """See ``Server``."""
        # Not from_url(): there, an option in the URL goes before what is said here.
        retry = SyncNoRetry(NoBackoff(), 0)
        settings = {
            **self._trust(),
            **parse_url(self._url),
            **self._settings(most, timeout),
            "retry": retry,
            **self._sync,
        }
        return redis.Redis(connection_pool=redis.BlockingConnectionPool(**settings))

    def async_connections(self, most: int, timeout: float = REPLY_TIMEOUT) -> "redis.asyncio.Redis":
        """See ``Server``."""
        retry = AsyncNoRetry(NoBackoff(), 0)
        settings = {
            **self._trust(),
            **async_parse_url(self._url),
            **self._settings(most, timeout),
            "retry": retry,
            **self._async,
        }
        return redis.asyncio.Redis(connection_pool=redis.asyncio.BlockingConnectionPool(**settings))

    def _trust(self) -> Mapping[str, Any]:
        """Return what holds for TLS unless the URL says otherwise: redis-py before 6 does not look at the host."""
        return {"ssl_check_hostname": True} if self._tls and self._verifies else {}

    def _settings(self, most: int, timeout: float) -> Mapping[str, Any]:
        settings: dict[str, Any] = {
            "max_connections": most,
            "protocol": 2,
            "decode_responses": False,
            # An id that is no text goes back as it came.
            "encoding_errors": "surrogateescape",
            "socket_connect_timeout": min(CONNECT_TIMEOUT, timeout),
            "socket_timeout": timeout,
            # How long to wait for a free connection: as long as it takes.
            "timeout": None,
        }
        if not self._url.startswith("unix:"):
            settings["socket_keepalive"] = True
        return settings


class SentinelServer(RemoteServer):
    """The primary that sentinels name: after a failover another one.

    Args:
        url: ``sentinel://``.

    Raises:
        ValueError: the URL cannot be understood.
    """

    def __init__(self, url: str) -> None:
        sentinels, primary = Sentinels.read(url.partition("://")[2])
        _check(primary)
        super().__init__(primary)
        self.where = masked(url)
        self._sync = {"connection_class": SentinelConnection, "sentinels": sentinels}
        self._async = {"connection_class": AsyncSentinelConnection, "sentinels": sentinels}


class MemoryServer(Server):
    """A server inside this process, for tests and for trying things out: nothing is kept, nobody else reaches it."""

    where = "memory://"
    # Its BLMOVE answers at once when the list is missing. Its BRPOPLPUSH, the same with fixed ends, does wait.
    knows_blmove = False
    lasts = False

    def __init__(self) -> None:
        self._fakeredis = _fakeredis()
        self._data = self._fakeredis.FakeServer()

    def sync_connections(self, most: int, timeout: float = REPLY_TIMEOUT) -> "redis.Redis":
        """See ``Server``."""
        client: redis.Redis = self._fakeredis.FakeRedis(server=self._data)
        return client

    def async_connections(self, most: int, timeout: float = REPLY_TIMEOUT) -> "redis.asyncio.Redis":
        """See ``Server``."""
        client: redis.asyncio.Redis = self._fakeredis.FakeAsyncRedis(server=self._data)
        return client


def server_at(url: str) -> Server:
    """Return the server that a URL names.

    Args:
        url: ``redis://``, ``rediss://`` (TLS), ``unix://``, the same with ``valkey``, ``sentinel://`` or ``memory://``.

    Raises:
        InvalidURL: the URL cannot be understood, or needs a package that is not installed.
    """
    scheme, separator, rest = url.partition("://")
    if scheme == "memory" and separator:
        return MemoryServer()
    known = sorted({*_SCHEMES, "memory", "sentinel"})
    if not separator or scheme not in known:
        hint = suggestion(scheme, known) or f" (use one of {', '.join(f'{name}://' for name in known)})"
        raise InvalidURL(f"{masked(url)!r} is not the URL of a Redis server{hint}")
    try:
        if scheme == "sentinel":
            return SentinelServer(url)
        url = f"{_SCHEMES[scheme]}://{rest}"
        _check(url)
    except ValueError as error:
        # What the parser says may quote a part of the password.
        quoting = "the characters of a password such as / ? # must be written as %2F %3F %23"
        raise InvalidURL(
            f"{masked(url)!r} is not the URL of a Redis server: {quoting if '@' in rest else error}"
        ) from None
    for name in _FILES & parse_url(url).keys():
        path = parse_url(url)[name]
        if not Path(path).exists():
            raise InvalidURL(f"{masked(url)!r}: {name} is {path!r}, and there is no such file")
    return RemoteServer(url)


def _check(url: str) -> None:
    """Refuse what redis-py would refuse later, or pass over.

    Raises:
        ValueError: the URL cannot be understood.
    """
    database = urlsplit(url).path.strip("/")
    if not url.startswith("unix:") and database and not database.isdigit():
        raise ValueError(f"its database must be a number, not {database!r}")
    pool = redis.ConnectionPool.from_url(url)
    try:
        pool.connection_class(**pool.connection_kwargs)  # it connects when it is used
    except TypeError:
        raise ValueError(_unknown_option(url, pool)) from None


def _unknown_option(url: str, pool: "redis.ConnectionPool") -> str:
    """Say which option of a URL is not known, without a value: it may be a password whose name is misspelt."""
    for pair in urlsplit(url).query.split("&"):
        name = unquote(pair.partition("=")[0])
        if name in pool.connection_kwargs and name not in _SECRET:
            try:
                pool.connection_class(**{name: pool.connection_kwargs[name]})
            except TypeError:
                return f"there is no option {name!r}{suggestion(name, _PLAIN | _SECRET)}"
            except redis.RedisError:
                pass  # it is known
        elif name not in _PLAIN:
            break  # what follows may be a part of a password
    return "an option behind the question mark is not known"


def _is_local(host: str) -> bool:
    """Tell whether what is sent to a host does not leave this one."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def masked(url: str) -> str:
    """Return a URL without the secrets in it.

    It may be one that nobody can read, such as one whose password should have been quoted: then little of it is left.
    """
    scheme, separator, rest = url.partition("://")
    if not separator or not _SCHEME.fullmatch(scheme):
        scheme, separator, rest = "", "", url
    end = next((place for place, character in enumerate(rest) if character in "/?#"), len(rest))
    authority, path = rest[:end], rest[end:]
    if "@" in path and not (scheme == "unix" and not authority):
        return f"{scheme}{separator}***"  # it may be the @ that follows a password
    user, at, host = authority.rpartition("@")
    if at:
        host = f"{user.partition(':')[0]}:***@{host}"
    path, question, query = path.partition("#")[0].partition("?")
    shown = []
    for pair in query.split("&"):
        name, equals, _ = pair.partition("=")
        if equals and unquote(name) not in _PLAIN:
            shown.append(f"{name}=***")
            break  # it may be a password whose name is misspelt, and what follows a part of it
        shown.append(pair if equals or not pair else "***")
    return f"{scheme}{separator}{host}{path}{question}{'&'.join(shown)}"


def _fakeredis() -> Any:
    try:
        import fakeredis
    except ImportError:
        raise InvalidURL('memory:// needs fakeredis: pip install "jobqueue[memory]"') from None
    return fakeredis
