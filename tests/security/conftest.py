"""What the tests of signing and encryption share: applications with keys, on a real server, and what lies in it."""

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
import redis
from servers import RunningServer

from jobqueue import JobQueue

OLD, NEW, OTHER = (bytes([number]) * 32 for number in (1, 2, 3))
SECRET = bytes(range(100, 132))


@pytest.fixture
async def of(real_server: RunningServer) -> AsyncIterator[Callable[..., JobQueue]]:
    """Return what makes applications on one real server, with keys of their own."""
    async with contextlib.AsyncExitStack() as stack:

        def make(**settings) -> JobQueue:
            application = JobQueue(real_server.url, **settings)
            stack.push_async_callback(application.aclose)
            return application

        yield make


@pytest.fixture
def raw(real_server: RunningServer) -> Iterator[redis.Redis]:
    """Return what reads and writes whatever it likes: an intruder."""
    with redis.Redis.from_url(real_server.url) as client:
        yield client


def dump(client: redis.Redis) -> bytes:
    """Return everything that lies in a server: keys, fields, members, values."""
    found = []
    for key in client.scan_iter():
        match client.type(key):
            case b"string":
                found.append(client.get(key))
            case b"hash":
                found += [part for pair in client.hgetall(key).items() for part in pair]
            case b"list":
                found += client.lrange(key, 0, -1)
            case b"set":
                found += client.smembers(key)
            case b"zset":
                found += client.zrange(key, 0, -1)
            case b"stream":
                found += [repr(entry).encode() for entry in client.xrange(key)]
        found.append(key)
    return b"\n".join(found)
