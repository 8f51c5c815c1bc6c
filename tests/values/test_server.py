"""Which server a URL names, and how it is shown without its secrets."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobqueue.errors import InvalidURL
from jobqueue.store.server import MemoryServer, RemoteServer, masked, server_at


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://localhost:6379/0", "redis://localhost:6379/0"),
        ("redis://", "redis://"),
        ("redis://:secret@localhost:6379/0", "redis://:***@localhost:6379/0"),
        ("rediss://ada:secret@there", "rediss://ada:***@there"),
        ("redis://ada@there", "redis://ada:***@there"),
        ("redis://ada:sec@ret@there:1/2", "redis://ada:***@there:1/2"),
        ("redis://[::1]:6379/0", "redis://[::1]:6379/0"),
        ("redis://:secret@[::1]:6379/0", "redis://:***@[::1]:6379/0"),
        ("redis://there?db=1&password=secret", "redis://there?db=1&password=***"),
        ("redis://there?username=ada&password=secret&db=1", "redis://there?username=ada&password=***"),
        ("redis://there?pass%77ord=secret", "redis://there?pass%77ord=***"),
        ("rediss://there?ssl_password=secret", "rediss://there?ssl_password=***"),
        ("redis://there?passwd=secret", "redis://there?passwd=***"),
        ("redis://there/0?db=1&pasword=sec&ret=1&db=2", "redis://there/0?db=1&pasword=***"),
        ("redis://there?secret", "redis://there?***"),
        (
            "sentinel://there/jobs?sentinel_username=ada&sentinel_passwd=se",
            "sentinel://there/jobs?sentinel_username=ada&sentinel_passwd=***",
        ),
        ("redis://there?password=se#cret", "redis://there?password=***"),
        ("unix:///tmp/redis.sock?db=1", "unix:///tmp/redis.sock?db=1"),
        ("unix:///tmp/me@home/redis.sock", "unix:///tmp/me@home/redis.sock"),
        ("unix://ada:secret@/tmp/redis.sock", "unix://ada:***@/tmp/redis.sock"),
        ("memory://", "memory://"),
        # Passwords that should have been quoted: where they end cannot be told.
        ("redis://ada:sec/ret@there", "redis://***"),
        ("redis://:sec#ret@there", "redis://***"),
        ("redis://:sec?ret@there", "redis://***"),
        ("redis://ada:sec@ret/secret@there", "redis://***"),
        ("redis://there?password=sec@ret", "redis://***"),
        ("ada:secret@there:6379", "ada:***@there:6379"),
        ("redis:/ada:secret@there", "***"),
        ("there:6379", "there:6379"),
        ("redis://[::1:6379", "redis://[::1:6379"),
        ("", ""),
    ],
)
def test_a_url_is_shown_without_its_secrets(url, shown):
    assert masked(url) == shown


# Pieces that can be found again wherever they turn up, with anything between them.
pieces = st.lists(st.sampled_from(["s3cret", "pa55word", "t0ken"]), min_size=1, max_size=3)
glue = st.text("@:/?#&=%[]{} \\;,+aé", max_size=3)
secrets = st.builds(lambda words, between: (between.join(words) + between, words), pieces, glue)


@given(
    secrets,
    st.booleans(),
    st.sampled_from(
        [
            "redis://:{}@there:6379/0",
            "rediss://ada:{}@there",
            "redis://ada:{}@[::1]:6379/0?db=1",
            "valkey://ada:{}@there",
            "unix://ada:{}@/tmp/redis.sock?db=1",
            "redis://there?password={}",
            "redis://there/0?db=1&password={}&username=ada",
            "redis://there?passwd={}",
            "redis://there/0?db=1&pasword={}&username=ada",
            "rediss://there?ssl_pass={}",
            "sentinel://there/jobs?sentinel_passwd={}",
            "rediss://there?ssl_password={}",
            "http://ada:{}@there",
            "ada:{}@there:6379",
            "redis:/ada:{}@there",
            "redis://ada:{}@there:port",
        ]
    ),
)
def test_a_password_is_never_shown_not_even_one_that_should_have_been_quoted(secret, is_quoted, form):
    text, words = secret
    url = form.replace("{}", quote(text, safe="") if is_quoted else text)
    told = masked(url)
    try:
        told += server_at(url).where
    except InvalidURL as error:
        told += str(error)
    assert not [word for word in words if word in told]


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost:6379/0",
        "redis://localhost",
        "redis://",
        "rediss://:secret@there:6380",
        "unix:///tmp/redis.sock",
        "unix:///tmp/redis.sock?db=1",
        "valkey://localhost",
        "valkeys://localhost",
        "redis://localhost?protocol=3&socket_timeout=1&health_check_interval=5",
    ],
)
def test_a_url_names_a_server_that_is_reached_through_a_socket(url):
    server = server_at(url)
    assert isinstance(server, RemoteServer)
    assert server.knows_blmove
    assert "secret" not in server.where


@pytest.mark.parametrize("kind", ["sync_connections", "async_connections"])
@pytest.mark.parametrize("url", ["redis://there", "rediss://there", "unix:///tmp/redis.sock"])
def test_connections_send_nothing_twice_and_wait_for_no_reply_without_end(url, kind):
    pool = getattr(server_at(url), kind)(most=3).connection_pool
    settings = pool.connection_kwargs
    assert settings["retry"]._retries == 0
    assert settings["socket_timeout"] == 10
    assert settings["socket_connect_timeout"] == 5
    assert settings["protocol"] == 2
    assert settings["decode_responses"] is False
    assert pool.max_connections == 3


def test_memory_is_a_server_of_its_own_each_time():
    first, second = server_at("memory://"), server_at("memory://")
    assert isinstance(first, MemoryServer)
    first.sync_connections(1).set("a", "1")
    assert first.sync_connections(1).get("a") == b"1"
    assert second.sync_connections(1).get("a") is None


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://localhost", "'http://localhost' is not the URL of a Redis server"),
        ("reddis://localhost", r"did you mean 'rediss?'"),
        (
            "memcached://localhost",
            r"use one of memory://, redis://, rediss://, sentinel://, unix://, valkey://, valkeys://",
        ),
        ("localhost:6379", "'localhost:6379' is not the URL of a Redis server"),
        ("memory", "is not the URL of a Redis server"),
        ("", "'' is not the URL of a Redis server"),
        ("redis://localhost:port", "Port could not be cast to integer value as 'port'"),
        ("redis://[::1", "Invalid IPv6 URL"),
        ("redis://localhost?socket_timeout=soon", "Invalid value for 'socket_timeout'"),
        ("redis://localhost/shop", "its database must be a number, not 'shop'"),
        ("redis://localhost?foo=bar", "there is no option 'foo'"),
        ("redis://:sec/ret@localhost", r"characters of a password such as / \? # must be written as %2F %3F %23"),
    ],
)
def test_what_is_no_url_of_a_server_is_refused_with_a_hint(url, message):
    with pytest.raises(InvalidURL, match=message):
        server_at(url)


@pytest.mark.parametrize("connections", ["sync_connections", "async_connections"])
def test_options_of_the_url_hold_unless_the_protocol_needs_others(connections):
    url = "redis://ada:secret@there:7000/3?protocol=3&decode_responses=1&socket_timeout=0.1&client_name=shop"
    settings = getattr(server_at(url), connections)(7).connection_pool.connection_kwargs
    wanted = {"username": "ada", "password": "secret", "host": "there", "port": 7000, "db": 3, "client_name": "shop"}
    assert {name: settings[name] for name in wanted} == wanted
    assert (settings["protocol"], settings["decode_responses"], settings["socket_timeout"]) == (2, False, 10.0)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("redis://there/0?db=1&passwd=secret", "there is no option 'passwd' (did you mean 'password'?)"),
        ("redis://there?pasword=secret", "there is no option 'pasword' (did you mean 'password'?)"),
        ("rediss://there?ssl_cert_req=none", "there is no option 'ssl_cert_req' (did you mean 'ssl_cert_reqs'?)"),
        (
            "sentinel://there/jobs?sentinel_passwd=secret",
            "there is no option 'sentinel_passwd' (did you mean 'sentinel_password'?)",
        ),
        ("redis://there?passwd=&secret=1", "an option behind the question mark is not known"),
        ("redis://there?password=se&cret=1", "an option behind the question mark is not known"),
    ],
)
def test_an_option_that_is_not_known_is_named_without_its_value(url, told):
    with pytest.raises(InvalidURL) as caught:
        server_at(url)
    assert told in str(caught.value)
    assert "secret" not in str(caught.value)
