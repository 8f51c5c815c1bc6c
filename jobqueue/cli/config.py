"""``jobqueue config``."""

import os
from typing import Any

import click

from jobqueue.cli.main import Group
from jobqueue.cli.options import configuration
from jobqueue.cli.output import print_json, print_table
from jobqueue.configuration import DEFAULT, meaning_of, mistyped, names
from jobqueue.keyring import KeyRing
from jobqueue.store.server import masked


@click.group("config", cls=Group)
def command() -> None:
    """Show the configuration."""


@command.command("show", short_help="Show all settings, and where they come from.")
@click.option("--origin", is_flag=True, help="Say where each setting comes from.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def show(origin: bool, as_json: bool) -> None:
    """Show all settings: what variables, jobqueue.toml or pyproject.toml say, and the defaults."""
    found = configuration()
    values = {name: _shown(name, getattr(found, name)) for name in names()}
    for text in mistyped(os.environ):
        click.echo(f"note: {text}", err=True)
    if as_json:
        print_json({name: {"value": value, "origin": found.origins[name]} for name, value in values.items()})
        return
    columns = ["SETTING", "VALUE", *(["ORIGIN"] if origin else []), "WHAT IT IS"]
    rows = [
        [name, _text(value), *([_origin(found.origins[name])] if origin else []), meaning_of(name)]
        for name, value in values.items()
    ]
    print_table(columns, rows)


def _shown(name: str, value: Any) -> Any:
    """Return a value without what is secret in it: of keys, their names."""
    if isinstance(value, KeyRing):
        return ",".join(value)
    return masked(value) if name == "url" and value else value


def _text(value: Any) -> str:
    if value is None or value == ():
        return "-"
    return ",".join(value) if isinstance(value, tuple) else f"{value:g}s" if isinstance(value, float) else str(value)


def _origin(origin: str) -> str:
    return origin if origin == DEFAULT else click.style(origin, fg="cyan")
