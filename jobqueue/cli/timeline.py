"""How ``jobqueue job timeline`` shows what has happened to a job."""

from collections.abc import Mapping
from typing import Any

import click

from jobqueue.cli.output import ago, print_json, print_table, shortened, state_text
from jobqueue.durations import format_duration
from jobqueue.timeline import Timeline, TimelineEntry


def print_timeline(found: Timeline, as_json: bool) -> None:
    """Print what has happened to a job."""
    if as_json:
        print_json(
            {
                "id": found.job.id,
                "queue": found.job.queue,
                "state": found.job.state.value,
                "complete": found.complete,
                "entries": [_members(entry) for entry in found.entries],
            }
        )
        return
    rows = [
        [
            f"{entry.at:%Y-%m-%d %H:%M:%S}.{entry.at.microsecond // 1000:03}",
            ago(entry.at),
            entry.event,
            state_text(entry.state.value) if entry.state else "",
            str(entry.attempt) if entry.attempt else "",
            _detail(entry),
        ]
        for entry in found.entries
    ]
    print_table(["TIME (UTC)", "", "EVENT", "STATE", "ATTEMPT", "DETAIL"], rows)
    if not found.complete:
        click.echo("... the latest 20 executions and 40 other events are kept: there may have been more", err=True)


def _detail(entry: TimelineEntry) -> str:
    parts = []
    if entry.seconds is not None:
        parts.append(f"after {format_duration(entry.seconds)}")
    elif entry.worker:
        parts.append(f"on {entry.worker}")
    text = ": ".join(part for part in (entry.error_type, entry.text) if part)
    if text:
        parts.append(shortened(text, 100))
    if entry.until is not None:
        parts.append(f"until {entry.until:%Y-%m-%d %H:%M:%S}")
    return "; ".join(parts)


def _members(entry: TimelineEntry) -> Mapping[str, Any]:
    return {
        "at": entry.at,
        "event": entry.event,
        "state": entry.state.value if entry.state else None,
        "text": entry.text or None,
        "attempt": entry.attempt,
        "worker": entry.worker or None,
        "token": entry.token or None,
        "seconds": entry.seconds,
        "until": entry.until,
        "error_type": entry.error_type or None,
    }
