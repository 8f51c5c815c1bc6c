"""What a server is like, as far as jobs are safe there: its version, role, memory, persistence, clock."""

import time
from collections.abc import Generator, Mapping
from typing import Any, NamedTuple

from jobqueue.durations import format_duration
from jobqueue.errors import ServerError, ServerUnavailable
from jobqueue.store.call import Call, run_command
from jobqueue.store.findings import Finding, Level

NEARLY_FULL = 0.9
"""The part of its memory at which a server is nearly full."""

CLOCKS_DIFFER = 1.0
"""Seconds by which the clocks of the server and of this host may differ before it is said."""

_NOEVICTION = "CONFIG SET maxmemory-policy noeviction"

_SETTINGS = ("appendfsync", "save", "timeout")

Facts = Mapping[str, Any]


class _Time(NamedTuple):
    """The server's time, and the time here at which it came, in seconds."""

    there: float
    here: float


def examine_server() -> Generator[list[Call[Any]], list[Any], list[Finding]]:
    """Look at the settings of the server: a generator of calls, for ``Connections.follow``."""
    unseen: list[str] = []
    facts: dict[str, Any] = {}
    try:
        [info] = yield [run_command("INFO", read=lambda reply: reply, repeatable=True)]
        facts.update(info if isinstance(info, Mapping) else {})
    except ServerUnavailable:
        raise
    except ServerError:
        unseen.append("INFO")
    try:
        settings = yield [setting(name) for name in _SETTINGS]
        facts.update((f"={name}", value) for name, value in zip(_SETTINGS, settings, strict=True) if value is not None)
    except ServerUnavailable:
        raise
    except ServerError:
        unseen.append("CONFIG GET")
    asked = time.time()
    [answered] = yield [run_command("TIME", read=_time, repeatable=True)]
    skew = answered.there - (asked + answered.here) / 2
    # Half the time that the answer took is not known.
    certain = max(0.0, abs(skew) - (answered.here - asked) / 2)
    return assess(facts, skew if certain > CLOCKS_DIFFER else 0.0, unseen)


def assess(facts: Facts, skew: float, unseen: list[str]) -> list[Finding]:
    """Return what is to be said of a server.

    Args:
        facts: what INFO says, and settings with ``=`` before their names.
        skew: seconds by which its clock is ahead of the one here, if that is known for certain; else 0.
        unseen: the commands that it has refused.
    """
    found = []
    if "redis_version" in facts:
        found += [*_version(facts), _role(facts), _eviction(facts), _memory(facts), *_persistence(facts)]
    found += _timeout(facts)
    if skew:
        ahead = f"{format_duration(abs(skew))} {'ahead of' if skew > 0 else 'behind'}"
        text = (
            f"the clock of Redis is {ahead} the one here. Jobs go by the clock of Redis; times shown as 'ago' are"
            " wrong by as much. Look at NTP on both hosts"
        )
        found.append(Finding("note", "clock", text))
    else:
        found.append(Finding("ok", "clock", "the clocks of Redis and of this host agree"))
    if unseen:
        commands = " and ".join(unseen)
        text = f"{commands} is refused to this user: what only that says of the server could not be looked at"
        found.append(Finding("note", "unseen", text))
    return found


def _version(facts: Facts) -> list[Finding]:
    name = facts.get("server_name") or "redis"
    version = facts.get(f"{name}_version") or facts["redis_version"]
    numbers = [int(part) for part in str(facts["redis_version"]).split(".")[:2] if part.isdigit()]
    said = f"{str(name).capitalize()} {version}"
    if numbers < [6, 2]:
        return [Finding("error", "version", f"it is {said}: jobqueue needs 6.2 or later, or Valkey. Upgrade it")]
    return [Finding("ok", "version", f"it is {said}")]


def _role(facts: Facts) -> Finding:
    if facts.get("role") == "slave":
        text = "it is a replica, and takes no jobs. Connect to the primary"
        if facts.get("master_host"):
            text += f", {facts['master_host']}:{facts.get('master_port')}"
        return Finding("error", "role", text)
    replicas = int(facts.get("connected_slaves", 0))
    return Finding("ok", "role", f"it is a primary with {replicas} replica{'' if replicas == 1 else 's'}")


def _eviction(facts: Facts) -> Finding:
    policy, limit = str(facts.get("maxmemory_policy", "")), int(facts.get("maxmemory", 0))
    if not policy:
        return Finding("note", "eviction", "it does not say what it deletes when its memory is full")
    # The other policies delete only keys with an expiry, which ours do not have.
    if not policy.startswith("allkeys"):
        return Finding("ok", "eviction", f"it deletes no jobs when its memory is full ({policy})")
    if limit:
        text = f"it deletes jobs when its memory is full (maxmemory-policy {policy}). {_NOEVICTION}"
        return Finding("error", "eviction", text)
    text = f"it would delete jobs once it has a maxmemory (maxmemory-policy {policy}). {_NOEVICTION}"
    return Finding("warning", "eviction", text)


def _memory(facts: Facts) -> Finding:
    used, limit = int(facts.get("used_memory", 0)), int(facts.get("maxmemory", 0))
    whole = limit or int(facts.get("total_system_memory", 0))
    if not whole:
        return Finding("ok", "memory", f"it uses {_size(used)}")
    of = f"{used / whole:.0%} of {'its maxmemory' if limit else 'the memory of its host'}, {_size(whole)}"
    if used < NEARLY_FULL * whole:
        return Finding("ok", "memory", f"it uses {_size(used)}, {of}")
    level: Level = "error" if limit and used >= limit else "warning"
    text = f"it uses {of}: when that is full it takes no new jobs. Raise maxmemory, or keep ended jobs for less long"
    return Finding(level, "memory", text)


def _persistence(facts: Facts) -> list[Finding]:
    found = []
    if facts.get("aof_last_write_status", "ok") != "ok":
        text = "it cannot write its file of commands, and refuses jobs until it can. Is its disk full?"
        found.append(Finding("error", "aof-write", text))
    if facts.get("aof_last_bgrewrite_status", "ok") != "ok":
        text = "it could not rewrite its file of commands, which grows. Is its disk full, or its memory?"
        found.append(Finding("warning", "aof-rewrite", text))
    if facts.get("rdb_last_bgsave_status", "ok") != "ok":
        text = "its last snapshot has failed: it may refuse jobs until one succeeds. Look at its log and its disk"
        found.append(Finding("error", "snapshot", text))
    if int(facts.get("aof_enabled", 0)):
        fsync = facts.get("=appendfsync")
        if fsync == "no":
            text = "a power cut may take half a minute of jobs (appendfsync no). CONFIG SET appendfsync everysec"
            return [*found, Finding("warning", "persistence", text)]
        how = {"always": "nothing is lost", "everysec": "a power cut may take the last second"}.get(str(fsync))
        return [
            *found,
            Finding("ok", "persistence", f"jobs survive a restart (appendonly yes){f'; {how}' if how else ''}"),
        ]
    if "=save" not in facts:
        text = "it keeps no file of commands (appendonly no); whether it saves snapshots could not be looked at"
        return [*found, Finding("note", "persistence", text)]
    if facts["=save"]:
        text = "a crash takes all jobs since the last snapshot (appendonly no). CONFIG SET appendonly yes keeps them"
        return [*found, Finding("note", "persistence", text)]
    text = "a restart takes all jobs: it keeps neither a file of commands nor snapshots. CONFIG SET appendonly yes"
    return [*found, Finding("warning", "persistence", text)]


def _timeout(facts: Facts) -> list[Finding]:
    if "=timeout" not in facts:
        return []
    seconds = int(facts["=timeout"])
    if not seconds:
        return [Finding("ok", "timeout", "it keeps idle connections")]
    text = f"it closes idle connections after {format_duration(seconds)} (timeout). CONFIG SET timeout 0"
    return [Finding("note", "timeout", text)]


def setting(name: str) -> Call[str | None]:
    """Read a setting of the server; None if it has none of this name."""
    return run_command("CONFIG", "GET", name, read=lambda reply: _value(reply, name), repeatable=True)


def _value(reply: Any, name: str) -> str | None:
    # What a client makes of it depends on its version.
    if isinstance(reply, Mapping):
        pairs = dict(reply)
    else:
        pairs = dict(zip(reply[0::2], reply[1::2], strict=False)) if reply else {}
    for key, value in pairs.items():
        if _text(key) == name:
            return _text(value)
    return None


def _time(reply: Any) -> _Time:
    whole, micro = reply
    return _Time(int(whole) + int(micro) / 1_000_000, time.time())


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _size(count: float) -> str:
    for unit in ("B", "KB", "MB", "GB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TB"
