"""The reference of the command line, made of the commands themselves.

    python tests/docs/reference.py > docs/cli-reference.md

A test compares the page with what this prints.
"""

import sys

import click

from jobqueue.cli.main import cli

HEAD = """# Command line: reference

Made of the commands, by `make reference`. What they are for, with samples, is in [cli.md](cli.md).
"""


def reference() -> str:
    """Return the page."""
    parts = [HEAD]
    for words, command in _walk(cli, ()):
        # As the program has it; a command remembers the first context that has asked it for help.
        names = cli.context_settings["help_option_names"]
        title = " ".join(("jobqueue", *words))
        context = click.Context(command, info_name=title, terminal_width=100, help_option_names=names)
        context.color = False
        level = "##" if len(words) == 1 else "###"
        parts.append(f"{level} {' '.join(words)}\n\n```text\n{click.unstyle(command.get_help(context))}\n```\n")
    return "\n".join(parts)


def _walk(command: click.Command, words: tuple[str, ...]) -> "list[tuple[tuple[str, ...], click.Command]]":
    if not isinstance(command, click.Group):
        return [(words, command)]
    context = click.Context(command)
    found = [(words, command)] if words else []
    for name in sorted(command.list_commands(context)):
        inner = command.get_command(context, name)
        assert inner is not None
        found += _walk(inner, (*words, name))
    return found


if __name__ == "__main__":
    sys.stdout.write(reference())
