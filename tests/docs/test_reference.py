"""The reference of the command line is current."""

import re

from docs.pages import click_commands, read
from docs.reference import reference


def test_the_reference_is_what_the_commands_say():
    assert read("docs/cli-reference.md") == reference(), "run `make reference`"


def test_every_command_is_in_it():
    assert set(click_commands()) <= set(re.findall(r"^##+ (.*)$", read("docs/cli-reference.md"), re.MULTILINE))
