"""What the errors of a Redis client mean for those who use a queue."""

import re

from redis import exceptions

from jobqueue.errors import ServerError, ServerFull, ServerRefused, ServerUnavailable
from jobqueue.store.script import Script

# Replies that say "not now". Most have no class of their own in redis-py; Redis 6 buries them inside a longer text
# when a script meets them.
_TRANSIENT = re.compile(
    r"\b(LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|BUSY|UNBLOCKED|NOREPLICAS|MISCONF)\b"
    r"|max number of clients reached",
)
# Of those that do have one, redis-py takes the word away.
_NOT_NOW = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.ReadOnlyError,
    exceptions.ClusterDownError,
    exceptions.TryAgainError,
    OSError,
)
_FULL = re.compile(r"\bOOM\b")
_REFUSED = re.compile(r"\b(NOAUTH|WRONGPASS|NOPERM)\b")
# What a user of the server may not do. Inside a script it comes without a code, and on Redis without the command.
_COMMAND = re.compile(r"run the '([a-z|]+)' command|can't run this command")
_KEY = re.compile(r"[Nn]o permissions to access (?:a|one of the) key|can't access at least one of the keys")
_CHANNEL = re.compile(r"[Nn]o permissions to access (?:a|one of the) channel|can't publish to the channel")
_RECIPES = "the users in workers/acl have what is needed, see docs/security.md"
_CERTIFICATE = re.compile(r"CERTIFICATE_VERIFY_FAILED\] certificate verify failed: (.*?)(?: \(_ssl\.c:\d+\))?$")
_SCRIPT_LINE = re.compile(r"user_script:(\d+)")


def explain(error: Exception, where: str, script: Script | None = None) -> ServerError:
    """Return the error of jobqueue for an error of the Redis client.

    Args:
        error: what redis-py raised, or an ``OSError``.
        where: the server, without its password.
        script: the script that was being run.
    """
    text = str(error).rstrip(".") or type(error).__name__
    if missing := _missing(text, script):
        return ServerRefused(f"Redis at {where} refuses: {_located(text, script)}. {missing}")
    if certificate := _CERTIFICATE.search(text):
        return ServerRefused(
            f"the certificate of Redis at {where} is not trusted: {certificate[1].rstrip('.')}. The URL says whom to"
            " trust (?ssl_ca_certs=FILE), and must name the host as the certificate does"
        )
    if isinstance(error, exceptions.AuthenticationError | exceptions.NoPermissionError) or _REFUSED.search(text):
        return ServerRefused(f"Redis at {where} refuses: {text}. Check the user, password and permissions of the URL")
    if isinstance(error, exceptions.OutOfMemoryError) or _FULL.search(text):
        return ServerFull(
            f"Redis at {where} is at its memory limit (maxmemory) and takes no new jobs; workers go on and make room"
        )
    if isinstance(error, _NOT_NOW) or _TRANSIENT.search(text):
        return ServerUnavailable(f"Redis at {where} is not available: {text}")
    if isinstance(error, exceptions.InvalidResponse):
        return ServerError(f"Redis at {where}: what answers there does not speak as Redis does: {text}")
    return ServerError(f"Redis at {where}: {_located(text, script)}")


def _missing(text: str, script: Script | None) -> str:
    """Return what to grant to the user of the server, or nothing if that is not what is wrong."""
    if command := _COMMAND.search(text):
        of = f"that {script.name}.lua calls" if script else "that its scripts call"
        return f"Grant {f'+{command[1]}' if command[1] else f'the commands {of}'}: {_RECIPES}"
    if _KEY.search(text):
        return f"Grant the keys of the prefix, such as ~{{jq:* ~jq:queues: {_RECIPES}"
    if _CHANNEL.search(text):
        return f"Grant the channels of the prefix, such as &{{jq:*: {_RECIPES}"
    return ""


def _located(text: str, script: Script | None) -> str:
    """Name the file and line of a script where an error happened, rather than the line of the text that was sent."""
    if script is None:
        return text
    origin = script.origin

    def place(match: re.Match[str]) -> str:
        # The first line that is sent holds the flags, or nothing.
        index = int(match[1]) - 2
        return "{}:{}".format(*origin[index]) if 0 <= index < len(origin) else match[0]

    return _SCRIPT_LINE.sub(place, text)
