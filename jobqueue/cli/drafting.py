"""Makes jobs of what is typed at a prompt: a task, and its arguments."""

from typing import Any, cast

import click
from pydantic_core import from_json

from jobqueue.app import JobQueue
from jobqueue.cli.load import load_beside
from jobqueue.errors import InvalidArguments
from jobqueue.options import EnqueueOptions
from jobqueue.task import Draft


def drafted(
    jobs: JobQueue,
    app: str | None,
    task: str,
    arguments: tuple[str, ...],
    object_text: str | None,
    options: dict[str, Any],
) -> tuple[JobQueue, Draft[Any]]:
    """Return where a job is to go, and the job.

    Args:
        jobs: the server that is meant.
        app: where the application is that knows the task; None if none is asked.
        task: the name of the task.
        arguments: the arguments as NAME=VALUE.
        object_text: arguments as a JSON object; None if there are none.
        options: the options of the job; those that are None are left out.

    Raises:
        UsageError: the arguments cannot be understood.
        InvalidJob: they, or an option, are refused.
    """
    texts = _texts(arguments)
    values = _object(object_text) | {name: _value(text) for name, text in texts.items()}
    given = {name: value for name, value in options.items() if value is not None}
    if app is None:
        defaults = {"queue": jobs.settings.queue}
        return jobs, jobs.draft_by_name(task, values, cast("EnqueueOptions", {**defaults, **given}))
    application, target = load_beside(app, jobs)
    return target, _draft(application, task, values, texts, given)


def _texts(arguments: tuple[str, ...]) -> dict[str, str]:
    texts: dict[str, str] = {}
    for argument in arguments:
        name, equals, text = argument.partition("=")
        if not equals or not name:
            raise click.UsageError(
                f"argument {argument!r} is not NAME=VALUE: write the parameter's name too, as in a=3"
            )
        if name in texts:
            raise click.UsageError(f"argument {name!r} is given twice")
        texts[name] = text
    return texts


def _object(text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    try:
        values = from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise click.UsageError(f"--args {text!r} is not JSON: {error}") from None
    if not isinstance(values, dict):
        raise click.UsageError(f"--args {text!r} is not a JSON object with the arguments by name")
    return values


def _value(text: str) -> Any:
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError:
        return text


def _draft(
    application: JobQueue, name: str, values: dict[str, Any], texts: dict[str, str], options: dict[str, Any]
) -> Draft[Any]:
    task = application.task_named(name).using(**options)
    try:
        return task.draft_json(values, name=name)
    except InvalidArguments as error:
        # What reads as a number may be meant as a text: the annotations say which.
        try:
            return task.draft_json(values | texts, name=name)
        except InvalidArguments:
            raise error from None
