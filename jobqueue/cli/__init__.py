"""The command line. ``main`` is the entry point; a command's module is imported when the command is used."""

from jobqueue.cli.main import main

__all__ = ["main"]
