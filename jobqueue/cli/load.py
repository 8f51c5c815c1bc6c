"""Imports an application for a command, and shows what goes wrong inside it."""

import traceback
from pathlib import Path

import click

from jobqueue.app import JobQueue
from jobqueue.errors import JobQueueError
from jobqueue.worker.reference import AppReference

_NOT_THEIRS = ("jobqueue", "importlib")


def load_application(text: str) -> JobQueue:
    """Import an application.

    Args:
        text: where it is, such as ``app:jobs``.

    Raises:
        AppNotFound: it is not there.
        ClickException: its module cannot be imported. The traceback has been printed.
    """
    reference = AppReference.parse(text, str(Path.cwd()))
    try:
        return reference.load()
    except JobQueueError:
        raise  # it says what to do
    except Exception as error:  # whatever a module may raise when it is imported
        click.echo(_their_traceback(error), err=True, nl=False)
        raise click.ClickException(f"module {reference.module!r} cannot be imported: see above") from None


def _their_traceback(error: Exception) -> str:
    """Return the traceback from the first frame on that is not ours or the import system's."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_globals.get("__name__", "").partition(".")[0] in _NOT_THEIRS:
        trace = trace.tb_next
    return "".join(traceback.format_exception(type(error), error, trace))
