"""The comparison with other systems says of jobqueue what tests show. And the README's example of control runs."""

import re

import pytest
from docs.pages import ROOT, blocks, codes, read, section, table
from waiting import await_until
from working import worker_of

PAGE = read("docs/comparison.md")
SYSTEMS = ["BullMQ", "BullMQ Pro", "Sidekiq", "Oban Pro", "Celery", "RQ", "Dramatiq", "Docket", "taskiq"]
HEADINGS = ["feature", "jobqueue", *SYSTEMS]
LINK = re.compile(r'\[(\w+)\]\(([^) ]+) "(\w+)"\)')

GROUPS = {
    heading: table(section(PAGE, heading), *HEADINGS)
    for heading in re.findall(r"^## (.*)$", PAGE, re.MULTILINE)
    if not heading.startswith("Notes")
}
ROWS = {row[0]: row[1:] for rows in GROUPS.values() for row in rows}


def test_there_are_features_of_every_kind():
    assert list(GROUPS) == [
        "Order",
        "Limits",
        "Fairness by key",
        "Deduplication",
        "Bounds and expiry",
        "Dependencies",
        "Batches",
        "Versions",
        "Control",
        "Schedules",
        "Operations",
    ]
    assert all(len(rows) >= 3 for rows in GROUPS.values())
    assert len(ROWS) == sum(len(rows) for rows in GROUPS.values()), "a feature is named twice"


@pytest.mark.parametrize("feature", ROWS)
def test_each_feature_is_shown_by_a_test_that_exists(feature):
    cell = ROWS[feature][0]
    links = LINK.findall(cell)
    assert links, "there is no link to a test"
    assert links[0][0] in ("yes", "part")
    assert LINK.sub("", cell).replace(",", "").strip() == ""
    for _, target, name in links:
        path = ROOT / "docs" / target
        assert path.is_file(), f"{target} does not exist"
        assert re.search(rf"^(async )?def {name}\(", path.read_text("utf-8"), re.MULTILINE), f"{target}: no {name}"


@pytest.mark.parametrize("feature", ROWS)
def test_each_cell_uses_the_words_that_are_explained(feature):
    words = {row[0] for row in table(PAGE, "word", "meaning")}
    assert len(ROWS[feature]) == len(SYSTEMS) + 1
    for cell in ROWS[feature][1:]:
        assert re.split(r"[:,] ", cell)[0] in words, cell


def test_every_system_has_a_version_and_a_date():
    found = " ".join(row[0] for row in table(PAGE, "system", "version", "as of"))
    for system in SYSTEMS:
        assert all(word in found for word in system.split()), system
    assert all(all(row) for row in table(PAGE, "system", "version", "as of"))


async def test_the_example_of_control_in_the_readme_runs(monkeypatch):
    [example] = [block.text for block in blocks(section(read("README.md"), "Control")) if block.language == "py"]
    assert len([line for line in example.splitlines() if line.strip()]) <= 15
    monkeypatch.setenv("JOBQUEUE_URL", "memory://")
    names = {"__name__": "example"}
    exec(compile(example, "README.md", "exec"), names)
    async with worker_of(names["jobs"]):
        await await_until(lambda: names["handle"].state().ended, "the flow has ended")
        assert await names["handle"].aresult(5) == 5
        assert await names["again"].aresult(5) == 49


def test_the_concepts_name_each_mode_of_deduplication():
    shown = [codes(row[0])[0] for row in table(section(read("docs/concepts.md"), "Deduplication"), "", "")]
    assert shown == ["Dedup()", "Dedup.throttle(60)", "Dedup.debounce(5)", "Dedup.keep_last()"]
