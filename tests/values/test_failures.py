"""What the errors of a Redis client mean for those who use a queue."""

import pytest
from redis import exceptions

from jobqueue.errors import ServerError, ServerFull, ServerRefused, ServerUnavailable
from jobqueue.store.failures import explain
from jobqueue.store.script import assemble

WHERE = "redis://there:6379"

# Redis 6 buries what a command answered inside the report of the script that sent it.
BURIED = "Error running script (call to f_a8871597fc68fce45f5a579a78297d7e6aed52f2): @user_script:5: @user_script: 5: -"


@pytest.mark.parametrize(
    "error",
    [
        exceptions.ConnectionError("Error 111 connecting to there:6379. Connection refused."),
        exceptions.ConnectionError("Connection closed by server."),
        exceptions.ConnectionError(""),
        exceptions.TimeoutError("Timeout reading from socket"),
        exceptions.MaxConnectionsError("Too many connections"),
        exceptions.BusyLoadingError("Redis is loading the dataset in memory"),
        exceptions.ResponseError("LOADING Redis is loading the dataset in memory"),
        exceptions.ReadOnlyError("READONLY You can't write against a read only replica."),
        exceptions.ReadOnlyError("You can't write against a read only replica."),  # as redis-py has it
        exceptions.MasterDownError("Link with MASTER is down and replica-serve-stale-data is set to 'no'."),
        exceptions.TryAgainError("Multiple keys request during rehashing of slot"),
        exceptions.ResponseError("READONLY You can't write against a read only replica."),
        exceptions.ResponseError(BURIED + "READONLY You can't write against a read only replica."),
        exceptions.ResponseError("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."),
        exceptions.ResponseError("CLUSTERDOWN The cluster is down"),
        exceptions.ResponseError(BURIED + "CLUSTERDOWN The cluster is down"),
        exceptions.ResponseError("TRYAGAIN Multiple keys request during rehashing of slot"),
        exceptions.ResponseError("BUSY Redis is busy running a script. You can only call SCRIPT KILL"),
        exceptions.ResponseError("UNBLOCKED force unblock from blocking operation, instance state changed"),
        exceptions.ResponseError("NOREPLICAS Not enough good replicas to write."),
        exceptions.ResponseError("MISCONF Redis is configured to save RDB snapshots, but it's unable to persist."),
        exceptions.ConnectionError("max number of clients reached"),
        exceptions.ResponseError("ERR max number of clients reached"),
        ConnectionResetError("Connection reset by peer"),
        BrokenPipeError(),
        FileNotFoundError(2, "No such file or directory"),
        TimeoutError(),
    ],
)
def test_what_passes_by_itself_is_called_unavailable(error):
    found = explain(error, WHERE)
    assert type(found) is ServerUnavailable
    assert str(found).startswith(f"Redis at {WHERE} is not available: ")
    assert not str(found).endswith((".", ": "))


@pytest.mark.parametrize(
    "error",
    [
        exceptions.OutOfMemoryError("command not allowed when used memory > 'maxmemory'."),
        exceptions.ResponseError("OOM command not allowed when used memory > 'maxmemory'."),
        exceptions.ResponseError("OOM allow-oom flag is not set on the script, can not run it when used memory > 'max"),
        exceptions.ResponseError(BURIED + "OOM command not allowed when used memory > 'maxmemory'."),
    ],
)
def test_a_server_without_memory_is_called_full(error):
    found = explain(error, WHERE)
    assert type(found) is ServerFull
    assert "maxmemory" in str(found)


@pytest.mark.parametrize(
    "error",
    [
        exceptions.AuthenticationError("Authentication required."),
        exceptions.AuthenticationError("WRONGPASS invalid username-password pair or user is disabled."),
        exceptions.AuthenticationError("AUTH <password> called without any password configured for the default user."),
        exceptions.ResponseError("NOAUTH Authentication required."),
        exceptions.NoPermissionError("something that no server says today"),
    ],
)
def test_whoever_is_not_let_in_is_called_refused(error):
    found = explain(error, WHERE)
    assert type(found) is ServerRefused
    assert str(found).endswith("Check the user, password and permissions of the URL")


@pytest.mark.parametrize(
    ("error", "grant"),
    [
        (exceptions.NoPermissionError("this user has no permissions to run the 'evalsha' command"), "+evalsha:"),
        (exceptions.NoPermissionError("User u has no permissions to run the 'client|id' command"), "+client|id:"),
        (exceptions.ResponseError("NOPERM this user has no permissions to access one of the keys"), "the keys of"),
        (exceptions.ResponseError(BURIED + "NOPERM this user has no permissions to run the 'hset' command"), "+hset:"),
        (exceptions.ResponseError("NOPERM No permissions to access a key, OOM or not"), "the keys of"),
        (exceptions.ResponseError("ACL failure in script: No permissions to access a channel"), "the channels of"),
        (
            exceptions.ResponseError("The user executing the script can't run this command or subcommand"),
            "the commands that its scripts call:",
        ),
        (
            exceptions.ResponseError(BURIED + "The user executing the script can't publish to the channel"),
            "the channels of",
        ),
    ],
)
def test_what_a_user_may_not_do_is_called_refused_and_it_is_said_what_to_grant(error, grant):
    found = explain(error, WHERE)
    assert type(found) is ServerRefused
    assert f". Grant {grant}" in str(found)
    assert "docs/security.md" in str(found)


@pytest.mark.parametrize(
    "error",
    [
        exceptions.ResponseError("WRONGTYPE Operation against a key holding the wrong kind of value"),
        exceptions.ResponseError("ERR unknown command 'EVALSHA', with args beginning with: "),
        exceptions.ResponseError("BUSYKEY Target key name already exists."),
        exceptions.ResponseError("BUSYGROUP Consumer Group name already exists"),
        exceptions.ResponseError("JOBQUEUE unknown outcome"),
        exceptions.NoScriptError("No matching script. Please use EVAL."),
        exceptions.InvalidResponse("Protocol Error: b'HTTP/1.1 400 Bad Request'"),
        exceptions.ResponseError(BURIED + "WRONGTYPE Operation against a key holding the wrong kind of value"),
    ],
)
def test_all_else_is_an_error_of_the_server(error):
    found = explain(error, WHERE)
    assert type(found) is ServerError
    assert str(found).startswith(f"Redis at {WHERE}: ")


SCRIPT = assemble(
    "boom",
    {
        "boom": "--[[ Fail.\n@returns nothing ]]\n--@include fuse\nlocal a = 1\nreturn fuse().x\n",
        "lib/fuse": "--[[ Be nothing. ]]\nlocal function fuse()\n  return nil\nend\n",
    },
)


def sent_as(line: str, flagged: bool) -> int:
    """Return the number that a server gives to a line of the script."""
    return SCRIPT.text(flagged).splitlines().index(line) + 1


@pytest.mark.parametrize("flagged", [False, True])
@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("local a = 1", "boom.lua:4"),
        ("return fuse().x", "boom.lua:5"),
        ("local function fuse()", "lib/fuse.lua:2"),
        ("  return nil", "lib/fuse.lua:3"),
    ],
)
@pytest.mark.parametrize(
    ("reply", "explained"),
    [
        # Redis 7 and Valkey
        (
            "user_script:{0}: attempt to index local 'b' (a nil value) script: 1f2e, on @user_script:{0}.",
            "{1}: attempt to index local 'b' (a nil value) script: 1f2e, on @{1}",
        ),
        (
            "WRONGTYPE Operation against a key holding the wrong kind of value script: 1f2e, on @user_script:{0}.",
            "WRONGTYPE Operation against a key holding the wrong kind of value script: 1f2e, on @{1}",
        ),
        (
            "Error compiling script (new function): user_script:{0}: unexpected symbol near '='",
            "Error compiling script (new function): {1}: unexpected symbol near '='",
        ),
        # Redis 6.2
        (
            "Error running script (call to f_1f2e): @user_script:{0}: user_script:{0}: attempt to index local 'b'",
            "Error running script (call to f_1f2e): @{1}: {1}: attempt to index local 'b'",
        ),
    ],
)
def test_an_error_in_a_script_names_the_file_and_line_where_it_happened(flagged, line, place, reply, explained):
    error = exceptions.ResponseError(reply.format(sent_as(line, flagged)))
    assert str(explain(error, WHERE, SCRIPT)) == f"Redis at {WHERE}: {explained.format(None, place)}"


def test_the_line_that_names_the_arguments_is_line_0():
    error = exceptions.ResponseError("user_script:2: it broke")
    assert str(explain(error, WHERE, SCRIPT)) == f"Redis at {WHERE}: boom.lua:0: it broke"


@pytest.mark.parametrize("line", [0, 1, len(SCRIPT.origin) + 2, 10**30])
def test_a_line_that_the_script_does_not_have_is_left_as_it_is(line):
    error = exceptions.ResponseError(f"user_script:{line}: it broke")
    assert str(explain(error, WHERE, SCRIPT)) == f"Redis at {WHERE}: user_script:{line}: it broke"


def test_without_a_script_the_line_is_left_as_it_is():
    error = exceptions.ResponseError("user_script:3: it broke")
    assert str(explain(error, WHERE)) == f"Redis at {WHERE}: user_script:3: it broke"
