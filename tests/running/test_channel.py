"""What calls from asyncio go through: one connection for all of them, which is given up when it does not answer."""

import asyncio
import re

import pytest
import redis
from chaos.proxy import PASS, BlackHole, Delay, proxy
from working import worker_of

from jobqueue import JobQueue
from jobqueue.store import resp
from jobqueue.store.call import run_command
from jobqueue.store.channel import Direct, Pooled, open_channel
from jobqueue.store.server import server_at

ECHO = "ECHO"


def echo(word):
    return run_command(ECHO, word, read=lambda reply: reply, repeatable=True)


async def test_calls_of_one_turn_travel_together(real_server):
    jobs = JobQueue(real_server.url)
    await jobs.connections.arun(echo("first"))
    with redis.Redis.from_url(real_server.url) as connection:
        before = connection.info("stats")["total_reads_processed"]
        words = [f"word{number}" for number in range(200)]
        replies = await asyncio.gather(*(jobs.connections.arun(echo(word)) for word in words))
        assert [reply.decode() for reply in replies] == words
        assert connection.info("stats")["total_reads_processed"] - before <= 6
        assert connection.info("clients")["connected_clients"] == 2
    await jobs.aclose()


async def test_a_channel_whose_reply_is_late_is_given_up_with_all_that_waits(real_server, tmp_path):
    with proxy(str(tmp_path / "proxy.sock"), str(real_server.socket)) as between:
        connections = server_at(between.url).async_connections(4)
        one = await open_channel(connections, 0.2)
        assert isinstance(one, Direct)
        assert await one.send([(ECHO, "a"), (ECHO, "b")]) == [b"a", b"b"]
        between.plan = lambda command: BlackHole() if b"lost" in command.words else PASS
        first, second = await asyncio.gather(
            one.send([(ECHO, "lost")]), one.send([(ECHO, "c")]), return_exceptions=True
        )
        assert isinstance(first, redis.exceptions.TimeoutError)
        assert isinstance(second, redis.exceptions.TimeoutError)
        assert one.closed
        with pytest.raises(redis.exceptions.TimeoutError):
            await one.send([(ECHO, "d")])
        await one.close()
        await connections.aclose()


async def test_a_slow_reply_before_its_time_is_waited_for(real_server, tmp_path):
    with proxy(str(tmp_path / "proxy.sock"), str(real_server.socket)) as between:
        connections = server_at(between.url).async_connections(4)
        one = await open_channel(connections, 3)
        between.plan = lambda command: Delay(0.2) if b"slow" in command.words else PASS
        assert await one.send([(ECHO, "slow")]) == [b"slow"]
        await one.close()
        await connections.aclose()


async def test_a_call_that_is_cancelled_leaves_its_reply_to_nobody(real_server):
    connections = server_at(real_server.url).async_connections(4)
    one = await open_channel(connections, 5)
    tasks = [asyncio.create_task(one.send([(ECHO, str(number))])) for number in range(10)]
    await asyncio.sleep(0)  # they begin
    for task in tasks[::2]:
        task.cancel()
    await asyncio.wait(tasks)
    assert [task.result() for task in tasks[1::2]] == [[str(number).encode()] for number in range(1, 10, 2)]
    assert await one.send([(ECHO, "next")]) == [b"next"]
    await one.close()
    await connections.aclose()


async def test_errors_are_among_the_replies_and_text_that_is_none_arrives(real_server):
    connections = server_at(real_server.url).async_connections(4)
    one = await open_channel(connections, 5)
    before, error, after = await one.send([(ECHO, "\udcff"), ("EVALSHA", "0" * 40, 0), (ECHO, b"\xfe")])
    assert (before, after) == (b"\xff", b"\xfe")
    assert isinstance(error, redis.exceptions.NoScriptError)
    # What redis-py makes of a reply, this makes of it too.
    [info] = await one.send([("INFO", "server")])
    assert "redis_version" in info
    with pytest.raises(TypeError):
        await one.send([(ECHO, None)])
    assert await one.send([(ECHO, "on")]) == [b"on"]
    await one.close()
    await connections.aclose()


async def test_a_server_that_answers_something_else_is_left(tmp_path):
    async def serve(reader, writer):
        while data := await reader.read(65536):
            garbage = b"ECHO" in data
            writer.write(b"?what\r\n" if garbage else b"+OK\r\n" * len(re.findall(rb"\*\d+\r\n", data)))
        writer.close()

    path = str(tmp_path / "server.sock")
    async with await asyncio.start_unix_server(serve, path):
        connections = server_at(f"unix://{path}").async_connections(4)
        one = await open_channel(connections, 5)
        with pytest.raises(redis.exceptions.ConnectionError, match="no reply"):
            await one.send([(ECHO, "a")])
        assert one.closed
        await one.close()
        await connections.aclose()


async def test_without_hiredis_redis_py_does_it_all(real_server, monkeypatch):
    monkeypatch.setattr(resp, "hiredis", None)
    connections = server_at(real_server.url).async_connections(4)
    one = await open_channel(connections, 5)
    assert isinstance(one, Pooled)
    error, reply = await one.send([("EVALSHA", "0" * 40, 0), (ECHO, "a")])
    assert isinstance(error, redis.exceptions.NoScriptError)
    assert reply == b"a"
    [error] = await one.send([("EVALSHA", "0" * 40, 0)])
    assert isinstance(error, redis.exceptions.NoScriptError)
    await connections.connection_pool.disconnect()

    jobs = JobQueue(real_server.url)

    @jobs.task
    async def double(n: int) -> int:
        return 2 * n

    async with worker_of(jobs):
        assert await (await double.aenqueue(4)).aresult(timeout=10) == 8
        handle = await asyncio.to_thread(double.enqueue, 5)
        assert await asyncio.to_thread(handle.result, 10) == 10
    await jobs.aclose()
