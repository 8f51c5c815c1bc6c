"""What calls from ordinary code go through: connections that threads take turns with."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
from chaos.proxy import PASS, BlackHole, proxy

from jobqueue import JobQueue, ServerUnavailable
from jobqueue.store.call import run_command
from jobqueue.store.client import SyncClient
from jobqueue.store.server import server_at
from jobqueue.store.sockets import DirectSockets, PooledSockets, sockets_of

ECHO = "ECHO"


@pytest.fixture
def connections(real_server):
    with server_at(real_server.url).sync_connections(4) as client:
        yield client


@pytest.fixture
def sockets(connections):
    found = sockets_of(connections, 4)
    yield found
    found.renew()


def clients(client: redis.Redis) -> int:
    return client.info("clients")["connected_clients"]


def test_errors_are_among_the_replies_and_text_that_is_none_arrives(sockets):
    assert isinstance(sockets, DirectSockets)
    error, reply = sockets.send([("EVALSHA", "0" * 40, 0), (ECHO, "\udcff")])
    assert isinstance(error, redis.exceptions.NoScriptError)
    assert reply == b"\xff"
    assert sockets.send([("INFO", "server")])[0]["redis_version"]


def test_a_reply_of_some_megabytes_arrives_whole(sockets):
    text = "x" * 3_000_000
    assert sockets.send([(ECHO, text), (ECHO, "end")]) == [text.encode(), b"end"]


def test_threads_use_no_more_connections_than_there_may_be(sockets, connections):
    before = clients(connections)
    with ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(lambda number: sockets.send([(ECHO, str(number))])[0], range(800)))
    assert replies == [str(number).encode() for number in range(800)]
    assert clients(connections) - before <= 4


def test_whoever_waits_for_a_connection_gets_the_next_one(connections, real_server, tmp_path):
    with proxy(str(tmp_path / "proxy.sock"), str(real_server.socket)) as between:
        released = threading.Event()

        def held(command):
            if b"slow" in command.words:
                released.wait(10)
            return PASS

        between.plan = held
        with server_at(between.url).sync_connections(1) as client, ThreadPoolExecutor(3) as pool:
            one = sockets_of(client, 1)
            slow = pool.submit(one.send, [(ECHO, "slow")])
            others = [pool.submit(one.send, [(ECHO, word)]) for word in ("a", "b")]
            released.set()
            assert [each.result(10) for each in (slow, *others)] == [[b"slow"], [b"a"], [b"b"]]
            one.renew()


def test_a_connection_that_ended_while_it_was_idle_is_noticed_before_anything_is_sent(real_server, connections):
    client = SyncClient(server_at(real_server.url))
    # It is sent once, so what would be lost with the connection would be an error.
    once = run_command("INCR", "counter", read=int, repeatable=False)
    assert client.run(once) == 1
    for each in connections.client_list():
        if each["id"] != str(connections.client_id()):
            connections.client_kill_filter(_id=each["id"])
    assert client.run(once) == 2
    client.close()


def test_a_connection_whose_reply_is_late_is_not_used_again(real_server, tmp_path):
    with proxy(str(tmp_path / "proxy.sock"), str(real_server.socket)) as between:
        between.plan = lambda command: BlackHole() if b"lost" in command.words else PASS
        with server_at(between.url).sync_connections(2, timeout=0.2) as client:
            one = sockets_of(client, 1)
            with pytest.raises(TimeoutError):
                one.send([(ECHO, "lost")])
            assert one.send([(ECHO, "next")]) == [b"next"]
            one.renew()


def test_an_interrupt_leaves_no_reply_behind_for_the_next(sockets, monkeypatch):
    sockets.send([(ECHO, "first")])
    [line] = sockets._idle

    class Interrupted:
        def __init__(self, socket):
            self.socket = socket

        def sendall(self, data):
            self.socket.sendall(data)

        def recv(self, size):
            raise KeyboardInterrupt

    monkeypatch.setattr(line, "_socket", Interrupted(line._socket))
    with pytest.raises(KeyboardInterrupt):
        sockets.send([(ECHO, "interrupted")])
    assert sockets.send([(ECHO, "next")]) == [b"next"]


def test_a_server_that_is_away_is_waited_for_and_then_said(tmp_path):
    jobs = JobQueue(f"unix://{tmp_path}/nobody.sock")
    with pytest.raises(ServerUnavailable, match=r"nobody\.sock"):
        jobs.queues()
    jobs.close()


def test_what_is_not_plain_is_left_to_redis_py():
    with server_at("memory://").sync_connections(1) as client:
        assert isinstance(sockets_of(client, 1), PooledSockets)
    with server_at("rediss://127.0.0.1:1").sync_connections(1) as client:
        assert isinstance(sockets_of(client, 1), PooledSockets)
