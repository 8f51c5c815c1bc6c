"""The reference of the command line is current."""

import re
import subprocess
import sys
from pathlib import Path

from docs.pages import click_commands, read


def test_the_reference_is_what_the_commands_say():
    # In a process of its own: a command remembers in which way it was first asked for help.
    command = [sys.executable, str(Path(__file__).with_name("reference.py"))]
    made = subprocess.run(command, capture_output=True, text=True, check=True, timeout=40).stdout
    assert read("docs/cli-reference.md") == made, "run `make reference`"


def test_every_command_is_in_it():
    assert set(click_commands()) <= set(re.findall(r"^##+ (.*)$", read("docs/cli-reference.md"), re.MULTILINE))
