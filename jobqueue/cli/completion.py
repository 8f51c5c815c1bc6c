"""``jobqueue completion``."""

import click
from click.shell_completion import get_completion_class

HELP = """Print a script that completes the commands and options of jobqueue in a shell.

\b
eval "$(jobqueue completion bash)"            in ~/.bashrc
eval "$(jobqueue completion zsh)"             in ~/.zshrc
jobqueue completion fish | source             in ~/.config/fish/config.fish
"""


@click.command("completion", short_help="Print what completes commands in a shell.", help=HELP)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print what completes commands in a shell."""
    kind = get_completion_class(shell)
    assert kind is not None  # click knows all three
    click.echo(kind(context.find_root().command, {}, "jobqueue", "_JOBQUEUE_COMPLETE").source())
