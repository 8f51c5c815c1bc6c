"""All pages: links lead somewhere, code compiles, commands exist, and nothing is said that must not be."""

import ast
import re
from pathlib import Path

import pytest
from docs.pages import PAGES, ROOT, blocks, click_commands, commands_of_jobqueue, parse_command, prose, read, section

import jobqueue

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
EVERYTHING = [*NAMES, *(str(path.relative_to(ROOT)) for path in (ROOT / "examples").rglob("*.py"))]
EVERYTHING += [str(path.relative_to(ROOT)) for path in (ROOT / "workers").rglob("*") if path.is_file()]


def anchors(page: Path) -> set[str]:
    """Return the anchors that a page has: its headings, as the usual renderers write them."""
    headings = re.findall(r"^#+ (.*)$", prose(page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_somewhere(name):
    for link in LINK.findall(prose(read(name))):
        if link.startswith("https://"):
            continue
        target, _, anchor = link.partition("#")
        place = (ROOT / name).parent / target if target else ROOT / name
        assert place.exists(), f"{name}: {link}"
        assert not anchor or anchor in anchors(place), f"{name}: {link}"


def test_every_page_can_be_found_from_the_first():
    found, open_pages = set(), [ROOT / "docs/index.md"]
    while open_pages:
        page = open_pages.pop()
        if page in found or page.suffix != ".md" or not page.is_file():
            continue
        found.add(page)
        links = [link.partition("#")[0] for link in LINK.findall(prose(page.read_text("utf-8")))]
        open_pages += [(page.parent / link).resolve() for link in links if link and "://" not in link]
    missing = {page for page in PAGES if page.is_relative_to(ROOT / "docs")} - found
    assert missing == set()


@pytest.mark.parametrize("name", NAMES)
def test_python_in_the_pages_uses_names_that_exist(name):
    for block in blocks(read(name)):
        if block.language != "python":
            continue
        for node in ast.walk(ast.parse(block.text)):
            if isinstance(node, ast.ImportFrom) and node.module == "jobqueue":
                assert {alias.name for alias in node.names} <= set(jobqueue.__all__), name


@pytest.mark.parametrize("name", NAMES)
def test_commands_in_the_pages_are_understood(name, monkeypatch):
    for variable in ("JOBQUEUE_APP", "JOBQUEUE_URL"):
        monkeypatch.delenv(variable, raising=False)
    for words in commands_of_jobqueue(read(name)):
        # The page about the command line shows a mistake; that one is in the arguments of a task.
        parse_command(words)


def test_every_command_and_every_option_is_documented():
    page = read("docs/cli.md")
    for name, command in click_commands().items():
        text = section(page, name)
        if name == "dev":
            text += section(page, "worker")
        known = [option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)]
        missing = [option for option in known if option.startswith("-") and f"`{option}`" not in text]
        # One spelling of each option of `dev` is enough: `--reload` is what it does anyway.
        assert missing == [], f"{name}: {missing}"


def test_every_heading_of_the_command_line_is_a_command():
    headings = re.findall(r"^## (.*)$", read("docs/cli.md"), re.MULTILINE)
    assert sorted(headings) == sorted(click_commands())


def test_tests_that_are_named_exist():
    for name in NAMES:
        named, last = re.findall(r"`(?:tests/)?([\w/]*test_\w+\.py|)(?:::(test_\w+))?`", prose(read(name))), ""
        for file, test in named:
            last = file or last
            if not last:
                continue
            path = ROOT / "tests" / last
            assert path.is_file(), f"{name}: {last}"
            assert not test or f"def {test}(" in path.read_text("utf-8"), f"{name}: {last}::{test}"


@pytest.mark.parametrize("name", EVERYTHING)
def test_nothing_is_said_that_must_not_be(name):
    text = read(name)
    # The one thing that no queue can promise.
    for sentence in re.split(r"(?<=[.!?:;])\s+", text):
        if "exactly once" in sentence.lower():
            assert re.search(r"\b(never|no|not|nothing)\b", sentence.lower()), sentence
    local = re.findall(r"(?<![\w.])/(?:work|root|mnt|Users|home/(?!ada\b))[\w/.-]*", text)
    assert local == [], f"{name} names a path of somebody's machine: {local}"


def test_the_decisions_are_listed_and_numbered():
    pages = sorted((ROOT / "docs/decisions").glob("0*.md"))
    index = read("docs/decisions/README.md")
    for number, page in enumerate(pages, 1):
        title = page.read_text("utf-8").partition("\n")[0]
        assert page.name.startswith(f"{number:04}-")
        assert title.startswith(f"# {number}. ")
        assert f"| [{number:04}]({page.name}) | {title.partition('. ')[2]} |" in index
        for part in ("**Situation.**", "**Decision.**", "**Why.**", "**Consequence.**"):
            assert part in page.read_text("utf-8"), f"{page.name}: {part}"
