"""The group of all commands, and what becomes of errors."""

import importlib
import os
import sys

import click

from jobqueue.errors import InvalidJob, InvalidURL, JobQueueError, ServerUnavailable, UnknownTask, suggestion
from jobqueue.version import __version__
from jobqueue.visible import visible

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_UNREACHABLE = 3
EXIT_INTERRUPTED = 130

_COMMANDS = {
    "bench": "Measure how fast it is, on this server.",
    "completion": "Print what completes commands in a shell.",
    "config": "Show the configuration, and where it comes from.",
    "demo": "See it work: run real jobs on the files of a folder.",
    "dev": "Run an application's worker for development, with a server if none is there.",
    "doctor": "Look whether the server and the queues are sound, and repair them.",
    "enqueue": "Enqueue a job by the name of its task.",
    "events": "Show what has happened to jobs, or what happens.",
    "explain": "Say why a job does not run.",
    "failed": "Group, retry, remove and export failed jobs.",
    "health": "Tell whether queues are served: for probes.",
    "job": "Look at jobs, and retry, cancel, promote or remove them.",
    "queue": "List, show, pause, limit and empty queues.",
    "schedule": "List, add, pause, run and preview schedules.",
    "stats": "Show how much was done, and how long jobs waited and ran.",
    "status": "Show queues and workers.",
    "task": "Switch tasks off and on again.",
    "top": "Watch queues, workers, running jobs and failing tasks live.",
    "worker": "Run the jobs of an application.",
    "workers": "List workers, and let them take no more jobs, stop or restart.",
}


class Group(click.Group):
    """A group of commands that names the nearest one when there is none of a name."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is meant."""
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            ctx.fail(f"there is no command {name!r}{suggestion(name, self.list_commands(ctx))}")
        return super().resolve_command(ctx, args)


class LazyGroup(Group):
    """Commands whose modules are imported when they are used: ``jobqueue --help`` is to be quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"jobqueue.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="jobqueue")
@click.pass_context
def cli(context: click.Context) -> None:
    """A background job queue on Redis.

    The server is taken from --url, $JOBQUEUE_URL, $REDIS_URL, jobqueue.toml or pyproject.toml; else it is one that
    `jobqueue dev` has started in this folder; else redis://localhost:6379/0.

    Exit codes: 0 ok, 1 failed, 2 wrong usage, 3 Redis cannot be reached, 130 interrupted.
    """
    context.color = _colours()


def main() -> None:
    """Run a command, and turn errors into one line and an exit code."""
    try:
        code = cli.main(standalone_mode=False) or 0
        if sys.stdout:  # there is none if whoever runs it has closed it
            sys.stdout.flush()
    except click.UsageError as error:
        if _wants_help(error):
            click.echo(error.format_message(), err=True, color=_colours())
        else:
            complain(_usage(error))
        code = EXIT_USAGE
    except click.ClickException as error:
        complain(error.format_message())
        code = error.exit_code
    except click.Abort as error:
        interrupted = isinstance(error.__cause__, KeyboardInterrupt)
        complain("interrupted" if interrupted else "aborted")
        code = EXIT_INTERRUPTED if interrupted else EXIT_FAILED
    except JobQueueError as error:
        text, code = _explained(error)
        complain(text)
    except OSError as error:
        # The errors of sockets are explained where they arise: this one is of a file, such as a full disk.
        complain(str(error))
        code = EXIT_FAILED
        # What could not be written would be tried once more at the exit, and complained of by the interpreter.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def _wants_help(error: click.UsageError) -> bool:
    """Tell whether a group was named without a command: what is said is its help."""
    return isinstance(error, getattr(click.exceptions, "NoArgsIsHelpError", ()))  # click 8.1 prints it itself


def _usage(error: click.UsageError) -> str:
    """Return what is wrong on one line, without the summary that click puts above it."""
    text = " ".join(error.format_message().split()).rstrip(".")
    if error.ctx is None:
        return text
    if isinstance(error, click.NoSuchOption) and isinstance(error.ctx.command, Group):
        text += ": the options of a command go after it"
    return f"{text}{'' if text.endswith('?') else '.'} See `{error.ctx.command_path} --help`"


def _explained(error: JobQueueError) -> tuple[str, int]:
    # Whatever has raised it has imported more than this module; `jobqueue --help` has not.
    from jobqueue.worker.reference import AppNotFound

    text = str(error).rstrip()
    if isinstance(error, ServerUnavailable):
        hint = "Is it running? `jobqueue dev` starts one; --url or $JOBQUEUE_URL name another"
        return f"{text}. {hint}", EXIT_UNREACHABLE
    usage = isinstance(error, InvalidJob | InvalidURL | UnknownTask | AppNotFound)
    return text, EXIT_USAGE if usage else EXIT_FAILED


def complain(text: str) -> None:
    """Say on stderr what is wrong."""
    click.echo(f"{click.style('Error:', fg='red')} {visible(text)}", err=True, color=_colours())


def _colours() -> bool | None:
    """Return whether to use colours: not if $NO_COLOR is set; None where a terminal decides."""
    return False if os.environ.get("NO_COLOR") else None
