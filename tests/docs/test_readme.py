"""The README."""

import re

from docs.pages import ROOT, blocks, read


def test_its_example_is_a_program_that_is_run():
    [example] = [block.text for block in blocks(read("README.md")) if block.language == "python"]
    program = read("examples/first_steps.py")
    assert program.partition('"""\n\n')[2] == example
    assert len([line for line in example.splitlines() if line.strip()]) <= 20


def test_its_first_commands_are_targets_of_the_makefile():
    first = blocks(read("README.md"))[0]
    targets = re.findall(r"^make (\w+)", first.text, re.MULTILINE)
    assert targets == ["demo", "test"]
    assert set(targets) <= set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_it_installs_extras_that_exist():
    metadata = (ROOT / "pyproject.toml").read_text()
    for page in ("README.md", "docs/quickstart.md", "docs/configuration.md", "workers/Dockerfile"):
        [*named] = re.findall(r"(?:'\.|jobqueue)\[([\w,]+)\]", read(page))
        assert named, page
        for extra in ",".join(named).split(","):
            assert f"\n{extra} = [" in metadata, f"{page} names an extra {extra!r}"
