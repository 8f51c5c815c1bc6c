"""Asks before something is done that cannot be undone."""

import click


def agree(question: str, nothing: str) -> None:
    """Ask a question, and go on only if somebody agrees.

    Args:
        question: the question.
        nothing: what is said if nobody does, such as "nothing was removed".

    Raises:
        ClickException: nobody has agreed, or there is nobody to ask.
    """
    try:
        agreed = click.confirm(question, err=True)
    except click.Abort as error:
        if isinstance(error.__cause__, KeyboardInterrupt):
            raise
        click.echo(err=True)
        raise click.ClickException(f"nobody has answered, and {nothing}; --yes does not ask") from None
    if not agreed:
        raise click.ClickException(nothing)
