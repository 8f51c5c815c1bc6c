"""``jobqueue doctor``."""

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import click

from jobqueue.app import JobQueue
from jobqueue.cli.options import connected, json_option
from jobqueue.cli.output import print_json
from jobqueue.cli.search import check_queue
from jobqueue.store.audit import Progress
from jobqueue.store.findings import Checkup, Finding
from jobqueue.visible import visible

QUIET = 2.0
"""Seconds after which it is shown how far it is."""

_COLOURS = {"ok": "green", "note": "cyan", "warning": "yellow", "error": "red"}


@click.command("doctor")
@click.option("--fix", is_flag=True, help="Repair what is wrong with the queues.")
@click.option("-q", "--queue", help="Only this queue.")
@json_option
@connected
def command(jobs: JobQueue, fix: bool, queue: str | None, as_json: bool) -> int:
    """Look whether jobs are safe in the server, and whether all that is stored of the queues fits together.

    Workers and producers may go on meanwhile. --fix repairs the queues, without losing or doubling a job; the settings
    of the server it leaves alone.

    The exit code is 0 if nothing is worse than a note, or all of it was repaired; else 1.
    """
    if queue is not None:
        check_queue(jobs, queue)
    shown = _Line()
    try:
        found = jobs.inspect.doctor(fix, queue, progress=shown.progress)
    finally:
        shown.clear()
    if as_json:
        print_json(checkup_members(found, jobs.connections.server.where))
    else:
        _print(found, jobs.connections.server.where, fix)
    return 0 if found.healthy else 1


def checkup_members(found: Checkup, server: str) -> Mapping[str, Any]:
    """Return what was found as it is shown in JSON."""
    return {
        "server": server,
        "healthy": found.healthy,
        "findings": [asdict(finding) for finding in found.findings],
        "queues": [{"name": name, "looked_at": count} for name, count in found.looked_at.items()],
    }


def _print(found: Checkup, server: str, fix: bool) -> None:
    click.echo(f"server {server}")
    _print_findings([finding for finding in found.findings if finding.queue is None])
    for name, count in found.looked_at.items():
        own = [finding for finding in found.findings if finding.queue == name]
        click.echo(f"\nqueue {name}: {count:,} entries looked at{'' if own else ', all sound'}")
        _print_findings(own)
    if not found.looked_at:
        click.echo("\nno queue has been used")
    if not fix and any(finding.open and finding.queue for finding in found.findings):
        click.echo("\nWith --fix it is repaired as it says, while workers go on.")


def _print_findings(findings: Sequence[Finding]) -> None:
    for finding in findings:
        level = click.style(finding.level.ljust(8), fg=_COLOURS[finding.level])
        click.echo(f"  {level} {visible(finding.text)}{_repaired(finding)}")
        if finding.examples:
            more = ", ..." if finding.count > len(finding.examples) else ""
            click.echo(f"  {'':8} {visible(', '.join(finding.examples))}{more}")


def _repaired(finding: Finding) -> str:
    if not finding.repaired:
        return ""
    what = "repaired" if finding.repaired == finding.count else f"{finding.repaired:,} of them repaired"
    return click.style(f" [{what}]", fg="green")


class _Line:
    """A line on a terminal that says how far it is, once that takes long."""

    def __init__(self) -> None:
        self._since = time.monotonic()
        self._last = self._since
        self._width = 0

    @property
    def progress(self) -> Progress:
        """What is to be called with how far it is."""
        return self._show

    def clear(self) -> None:
        """Take the line away."""
        if self._width:
            click.echo("\r" + " " * self._width + "\r", err=True, nl=False)

    def _show(self, queue: str, looked_at: int, total: int) -> None:
        now = time.monotonic()
        if now - self._since < QUIET or now - self._last < 0.2 or not sys.stderr.isatty():
            return
        self._last = now
        text = f"queue {queue}: {looked_at:,} of about {total:,} entries"
        self._width = max(self._width, len(text))
        click.echo("\r" + text.ljust(self._width), err=True, nl=False)
