"""The users in ``workers/acl``: ``python tests/security/recipes.py`` writes the files.

What a user needs is not written down by hand: it is what the scripts and commands that it sends call.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from jobqueue.store.script import script, script_names

FOLDER = Path(__file__).parents[2] / "workers" / "acl"

PREFIX = "jq"

CONNECTING = ("ping", "select")
"""What a client of Redis says to begin, whatever it is about to do."""

SINCE_72 = ("client|setinfo", "waitaof")
"""Commands that a server before 7.2 does not know: it refuses the whole file. The first is said by any client."""

# Inside a script each call is held against the rights of the user, too.
SCRIPTS = ("eval", "evalsha")

_OPTIONS = {"MAXLEN", "LIMIT", "WITHSCORES", "WITHVALUES", "COUNT", "RANK"}


@dataclass(frozen=True)
class User:
    """A user of the server.

    Attributes:
        name: its name.
        scripts: the scripts that it runs.
        commands: the commands that it sends beside.
        listens: whether it may use channels.
    """

    name: str
    scripts: frozenset[str]
    commands: frozenset[str]
    listens: bool = True

    def granted(self, newest: bool) -> list[str]:
        """Return the commands that it may send, sorted.

        Args:
            newest: whether the server is one of 7.2 or later.
        """
        inner = {command for name in self.scripts for command in called_by(name)}
        found = {*inner, *self.commands, *CONNECTING, *SCRIPTS, "client|setinfo"}
        return sorted(found if newest else found - set(SINCE_72))

    def rule(self, newest: bool, prefix: str = PREFIX) -> str:
        """Return its line in the file."""
        keys = f"resetkeys ~{{{prefix}:* ~{prefix}:queues"
        channels = f"resetchannels &{{{prefix}:*" if self.listens else "resetchannels"
        commands = " ".join(f"+{command}" for command in self.granted(newest))
        return f"user {self.name} on {keys} {channels} -@all {commands}"


def called_by(name: str) -> set[str]:
    """Return the commands that a script calls."""
    found = script(name)
    words = set(re.findall(r"'([A-Z]{3,})'", found.source)) - _OPTIONS
    # Without flags, for servers before 7, the first line is a command.
    words |= set(re.findall(r"redis\.call\('([A-Z]+)'", found.text(flagged=False).partition("\n")[0]))
    return {word.lower() for word in words}


_PRODUCER = User(
    "jobqueue-producer",
    frozenset(
        {"add", "add_steered", "cancel", "commit", "declare", "dependencies", "list_schedules", "mark", "put_schedule"}
        | {"receive", "show", "watch"}
    ),
    frozenset({"hexists", "hget", "info", "publish", "sadd", "smembers", "subscribe", "unsubscribe", "zrangebylex"})
    # For jobs that are to be in a replica, or on the disk.
    | {"wait", "waitaof"},
)

_WORKER = User(
    "jobqueue-worker",
    # Jobs enqueue jobs.
    _PRODUCER.scripts
    | {"claim", "declare_schedules", "delivered", "due_schedules", "dying", "fetch", "fire", "heartbeat", "holdings"}
    | {"measure"}
    | {"promote", "prune", "reap", "receive", "register", "relay", "retire_schedules", "settle", "tell", "unpark"},
    _PRODUCER.commands | {"blmove", "client|id", "client|unblock", "zlexcount"},
)

_READER = User(
    "jobqueue-reader",
    frozenset(
        {"dependencies", "errors", "explain", "list", "list_schedules", "overview", "pending", "running", "scan"}
        | {"show", "stats"}
    ),
    frozenset(
        {"hexists", "hget", "hgetall", "hscan", "info", "smembers", "xrevrange", "zlexcount", "zrange", "zrangebylex"}
    ),
    listens=False,
)

_OPERATOR = User(
    "jobqueue-operator",
    frozenset(script_names()),
    _READER.commands
    | _PRODUCER.commands
    | {"exists", "hlen", "hset", "llen", "lrange", "publish", "scan", "scard", "srem", "time", "unlink", "xread"}
    | {"zcard", "zscore"},
)

USERS = (_WORKER, _PRODUCER, _OPERATOR, _READER)

FILES = {"redis-6.2.acl": False, "redis-7.2.acl": True}
"""The files, and whether they are for servers of 7.2 or later."""


def text(newest: bool, prefix: str = PREFIX) -> str:
    """Return the text of a file."""
    return "".join(f"{user.rule(newest, prefix)}\n" for user in USERS)


if __name__ == "__main__":
    for name, newest in FILES.items():
        (FOLDER / name).write_text(text(newest))
