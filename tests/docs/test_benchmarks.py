"""The benchmarks run, and make a report of what they have measured."""

import json
import subprocess
import sys
from xml.etree import ElementTree as ET

from docs.pages import ROOT


def test_a_case_is_measured_and_reported(tmp_path):
    report = tmp_path / "report.md"
    report.write_text(
        "What people have written.\n<!-- What follows is written by make bench REPORT=docs/benchmarks.md -->\n"
    )
    asked = ("drain", "--only", "jobqueue,jobqueue-threads", "--jobs", "200", "--rounds", "2", "--patience", "0")
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks", *asked, "--figures", tmp_path / "figures", "--report", report],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "figures" / "drain.json").read_text())["rows"]
    assert [(row["key"], row["trouble"]) for row in rows] == [("jobqueue", ""), ("jobqueue-threads", "")]
    for row in rows:
        assert len(row["rounds"]) == 2
        assert all(set(figures) == {"one", "warm", "two"} for figures in row["rounds"])
        assert all(10 < value < 1_000_000 for figures in row["rounds"] for value in figures.values())
    text = report.read_text()
    assert text.startswith("What people have written.\n")
    assert "| **jobqueue** |" in text
    assert "Medians of 2 rounds" in text
    for name in ("drain-one.svg", "drain-two.svg"):
        assert f"](report/{name})" in text
        assert ET.parse(tmp_path / "report" / name).getroot().tag.endswith("svg")
