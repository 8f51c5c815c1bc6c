"""Connections to the primary that sentinels name: each of them asks when it is made.

redis-py has pools for this, which do not wait for a free connection, and remember the primary. Here nothing is
remembered: after a failover connections are made anew, and lead to the new primary.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncNoRetry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry as SyncNoRetry

TIMEOUT = 1.0
"""Seconds that a sentinel has to answer, before the next one is asked."""

PORT = 26379
"""The port of a sentinel that names none."""

_OPTIONS = ("sentinel_username", "sentinel_password")


@dataclass(slots=True)
class Sentinels:
    """Where to ask for a primary.

    Attributes:
        service: the name of the primary in the configuration of the sentinels.
        addresses: hosts and ports; the first one is asked first, and is the one that has answered last.
        credentials: the user and password of the sentinels, if they want any.
    """

    service: str
    addresses: tuple[tuple[str, int], ...]
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def read(cls, rest: str) -> tuple["Sentinels", str]:
        """Read what follows ``sentinel://`` in a URL; return it with the URL of a primary of unknown address.

        Args:
            rest: ``[user:password@]host[:port][,host[:port]]/service[/database][?options]``.

        Raises:
            ValueError: it cannot be understood.
        """
        place, _, query = rest.partition("?")
        authority, _, path = place.partition("/")
        user, at, hosts = authority.rpartition("@")
        service, _, database = path.partition("/")
        if not service:
            raise ValueError("after the sentinels comes the name of the primary: sentinel://host:26379/NAME/0")
        options = parse_qsl(query, keep_blank_values=True)
        credentials = {name.removeprefix("sentinel_"): value for name, value in options if name in _OPTIONS}
        others = urlencode([(name, value) for name, value in options if name not in _OPTIONS])
        primary = f"redis://{user}{at}primary/{database}{'?' if others else ''}{others}"
        return cls(service, tuple(map(_address, hosts.split(","))), credentials), primary

    def clients(self, kind: type, retry: Any) -> Iterator[tuple[tuple[str, int], Any]]:
        """Yield the addresses, each with a client that asks there."""
        for host, port in self.addresses:
            yield (
                (host, port),
                kind(
                    host=host,
                    port=port,
                    protocol=2,
                    retry=retry,
                    socket_timeout=TIMEOUT,
                    socket_connect_timeout=TIMEOUT,
                    **self.credentials,
                ),
            )

    def heard(self, address: tuple[str, int], state: Mapping[str, Any]) -> tuple[str, int]:
        """Return the address of the primary that a sentinel has named.

        Raises:
            ConnectionError: it says that this primary is down.
        """
        if state["is_sdown"] or state["is_odown"] or not state["is_master"]:
            raise redis.exceptions.ConnectionError(f"{state['ip']}:{state['port']} is down")
        self.addresses = (address, *(each for each in self.addresses if each != address))
        return str(state["ip"]), int(state["port"])

    def nobody(self, reasons: Sequence[str]) -> redis.exceptions.ConnectionError:
        """Return the error that says that no sentinel has named a primary."""
        return redis.exceptions.ConnectionError(
            f"no sentinel names a primary for {self.service!r} ({'; '.join(reasons)})"
        )


class SentinelConnection(redis.Connection):
    """A connection to the primary."""

    def __init__(self, *, sentinels: Sentinels, **settings: Any) -> None:
        super().__init__(**settings)  # type: ignore[no-untyped-call]
        self._sentinels = sentinels

    def _connect(self) -> Any:
        self.host, self.port = self._find()
        return super()._connect()  # type: ignore[no-untyped-call]

    def _find(self) -> tuple[str, int]:
        reasons = []
        for address, sentinel in self._sentinels.clients(redis.Redis, SyncNoRetry(NoBackoff(), 0)):
            try:
                return self._sentinels.heard(address, sentinel.sentinel_master(self._sentinels.service))
            except (RedisError, OSError) as error:
                reasons.append(_reason(address, error))
            finally:
                sentinel.close()
        raise self._sentinels.nobody(reasons)


class AsyncSentinelConnection(redis.asyncio.Connection):
    """The same for asyncio."""

    def __init__(self, *, sentinels: Sentinels, **settings: Any) -> None:
        super().__init__(**settings)
        self._sentinels = sentinels

    async def _connect(self) -> None:
        self.host, self.port = await self._find()
        await super()._connect()  # type: ignore[no-untyped-call]

    async def _find(self) -> tuple[str, int]:
        reasons = []
        for address, sentinel in self._sentinels.clients(redis.asyncio.Redis, AsyncNoRetry(NoBackoff(), 0)):
            try:
                return self._sentinels.heard(address, await sentinel.sentinel_master(self._sentinels.service))
            except (RedisError, OSError) as error:
                reasons.append(_reason(address, error))
            finally:
                await sentinel.aclose()
        raise self._sentinels.nobody(reasons)


def _reason(address: tuple[str, int], error: Exception) -> str:
    return f"{address[0]}:{address[1]}: {str(error).rstrip('.') or type(error).__name__}"


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        host, port = text, str(PORT)
    host = host.removeprefix("[").removesuffix("]")
    if not host or not (port.isdecimal() and 0 < int(port) < 65536):
        raise ValueError(f"{text!r} is not the address of a sentinel, host:port")
    return host, int(port)
