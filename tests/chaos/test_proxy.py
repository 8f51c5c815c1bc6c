"""The proxy does to commands what the plan says, and tells commands and replies apart however they arrive."""

import contextlib
import threading

import pytest
import redis
from chaos.proxy import PASS, BlackHole, CutBefore, CutReply, Deafen, Delay, Inject, Swallow, Then, proxy
from chaos.resp import end_of, words_of
from hypothesis import given
from hypothesis import strategies as st
from waiting import wait_until

from jobqueue import JobQueue

REPLIES = st.recursive(
    st.one_of(
        st.binary(max_size=50).map(lambda data: b"$%d\r\n%b\r\n" % (len(data), data)),
        st.sampled_from([b"+OK\r\n", b"-ERR no\r\n", b":12\r\n", b"$-1\r\n", b"*-1\r\n"]),
    ),
    lambda inner: st.lists(inner, max_size=4).map(lambda parts: b"*%d\r\n" % len(parts) + b"".join(parts)),
    max_leaves=20,
)


@given(st.lists(REPLIES, min_size=1, max_size=5))
def test_the_end_of_a_reply_is_found_and_not_before_it_has_come(replies):
    data, found = b"".join(replies), []
    start = 0
    while start < len(data):
        end = end_of(data, start)
        assert all(end_of(data[:cut], start) is None for cut in range(start, end))
        found.append(data[start:end])
        start = end
    assert found == replies


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=6))
def test_the_words_of_a_command_are_found(words):
    data = b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)
    assert words_of(data) == words


@pytest.fixture
def standing(real_server, tmp_path):
    with proxy(str(tmp_path / "proxy"), str(real_server.socket)) as standing:
        yield standing


@pytest.fixture
def direct(real_server):
    with redis.Redis.from_url(real_server.url) as connection:
        yield connection


@pytest.fixture
def through(standing):
    connection = redis.Redis.from_url(standing.url, retry=None, socket_timeout=0.5, protocol=2)
    yield connection
    connection.close()


def on_get(action):
    """Do something to the first GET."""
    left = [action]

    def plan(command):
        return left.pop() if command.name == "GET" and left else PASS

    return plan


def on_incr(action):
    left = [action]
    return lambda command: left.pop() if command.name == "INCR" and left else PASS


@pytest.mark.parametrize(("action", "done"), [(CutBefore(), None), (Swallow(), b"1"), (CutReply(), b"1")])
def test_a_connection_is_cut_before_or_after_the_command(standing, through, direct, action, done):
    standing.plan = on_incr(action)
    with pytest.raises(redis.ConnectionError):
        through.execute_command("INCR", "n")
    assert direct.get("n") == done
    assert through.incr("m") == 1
    assert standing.faults == 1


@pytest.mark.parametrize(("action", "done"), [(BlackHole(), None), (Deafen(), b"1")])
def test_a_connection_stays_open_and_is_silent(standing, through, direct, action, done):
    standing.plan = on_incr(action)
    with pytest.raises(redis.TimeoutError):
        through.execute_command("INCR", "n")
    assert direct.get("n") == done


def test_an_error_takes_its_place_among_the_replies(standing, through):
    standing.plan = on_get(Inject("MISCONF Redis cannot write to disk"))
    with through.pipeline(transaction=False) as pipeline:
        replies = pipeline.set("a", 1).get("a").get("a").execute(raise_on_error=False)
    assert [type(reply) for reply in replies] == [bool, redis.exceptions.ResponseError, bytes]


def test_a_command_is_held_back_and_those_after_it_wait(standing, through):
    standing.plan = on_get(Delay(0.05))
    with through.pipeline(transaction=False) as pipeline:
        assert pipeline.set("a", 1).get("a").incr("a").execute() == [True, b"1", 2]


def test_something_is_done_when_the_server_has_executed_it(standing, through, direct):
    seen = []
    standing.plan = on_incr(Then(lambda: seen.append(direct.get("n"))))
    with pytest.raises(redis.ConnectionError):
        through.execute_command("INCR", "n")
    assert seen == [b"1"]


def test_scripts_are_known_by_their_names_and_big_payloads_pass(standing, real_server):
    names = []

    def plan(command):
        names.append(command.name)
        return PASS

    standing.plan = plan
    jobs = JobQueue(standing.url, max_payload=4_000_000)
    handle = jobs.queue("default").enqueue("work", {"text": "x" * 3_000_000})
    assert len(handle.info().args["text"]) == 3_000_000
    assert "add" in names
    assert "show" in names
    jobs.close()


def test_messages_pass_and_connections_are_cut_and_refused(standing, direct):
    heard = []
    listener = redis.Redis.from_url(standing.url, retry=None, protocol=2)
    with contextlib.closing(listener.pubsub()) as messages:
        messages.subscribe("news")

        def listen():
            with contextlib.suppress(redis.ConnectionError):
                for message in messages.listen():
                    heard.append(message["data"])  # noqa: PERF401  (what came before it breaks counts)

        thread = threading.Thread(target=listen)
        thread.start()
        # The subscription itself is answered by a number.
        wait_until(lambda: direct.publish("news", "one") and b"one" in heard, "it is heard")
        standing.refuse()
        thread.join(5)
    with pytest.raises(redis.ConnectionError):
        listener.execute_command("PING")
    standing.refuse(False)
    assert listener.ping()
    listener.close()
