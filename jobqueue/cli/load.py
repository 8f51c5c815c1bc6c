"""Imports an application for a command, and shows what goes wrong inside it."""

import os
import traceback
from pathlib import Path

import click
from click.core import ParameterSource

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


def load_beside(app: str, jobs: JobQueue) -> tuple[JobQueue, JobQueue]:
    """Import an application, and return it and where its jobs are.

    That is the server that the application names, unless another was named at the prompt. An application that names
    none uses the one that the other commands use.

    Args:
        app: where it is, such as ``app:jobs``.
        jobs: what the options of the command describe.

    Raises:
        UsageError: a prefix was given as well.
        AppNotFound: it is not there.
        ClickException: its module cannot be imported.
    """
    if _given("prefix"):
        raise click.UsageError("--prefix and --app exclude each other: the application knows its prefix")
    os.environ["JOBQUEUE_URL"] = jobs.url
    application = load_application(app)
    settings = application.settings
    if not _given("url") or application.url == jobs.url:
        return application, application
    other = JobQueue(
        jobs.url,
        prefix=settings.prefix,
        queue=settings.queue,
        max_payload=settings.max_payload,
        signing=settings.signing,
        encryption=settings.encryption,
    )
    return application, other


def _given(name: str) -> bool:
    """Tell whether an option was given at the prompt, and not only by the environment."""
    return click.get_current_context().get_parameter_source(name) is ParameterSource.COMMANDLINE


def _their_traceback(error: Exception) -> str:
    """Return the traceback from the first frame on that is not ours or the import system's."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_globals.get("__name__", "").partition(".")[0] in _NOT_THEIRS:
        trace = trace.tb_next
    return "".join(traceback.format_exception(type(error), error, trace))
