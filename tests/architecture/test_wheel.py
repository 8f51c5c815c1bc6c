"""What is in the wheel."""

import subprocess
import sys
from email.parser import Parser
from pathlib import Path
from zipfile import ZipFile

import pytest

import jobqueue

ROOT = Path(jobqueue.__file__).parent.parent
DIST_INFO = f"jobqueue-{jobqueue.__version__}.dist-info"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Build the wheel, and return it."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    [built] = folder.glob("*.whl")
    with ZipFile(built) as opened:
        yield opened


@pytest.fixture(scope="module")
def metadata(wheel):
    """Return the metadata."""
    return Parser().parsestr(wheel.read(f"{DIST_INFO}/METADATA").decode())


def test_nothing_but_the_library_is_in_it(wheel):
    assert {name.split("/")[0] for name in wheel.namelist()} == {"jobqueue", DIST_INFO}
    assert {Path(name).suffix for name in wheel.namelist() if name.startswith("jobqueue/")} == {".py", ".lua", ".typed"}


def test_everything_of_the_library_is_in_it(wheel):
    source = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "jobqueue").rglob("*")
        if path.suffix in (".py", ".lua", ".typed")
    }
    assert {name for name in wheel.namelist() if name.startswith("jobqueue/")} == source
    assert {"jobqueue/py.typed", "jobqueue/store/keeper.py", "jobqueue/store/lua/lib/admit.lua"} <= source


def test_it_runs_on_any_platform(wheel):
    assert Path(wheel.filename).name == f"jobqueue-{jobqueue.__version__}-py3-none-any.whl"


def test_three_packages_are_needed_and_all_others_are_extras(metadata):
    needed = [line for line in metadata.get_all("Requires-Dist") if "extra ==" not in line]
    assert sorted(line.partition(">")[0].partition("<")[0] for line in needed) == ["click", "pydantic", "redis"]
    assert metadata.get_all("Provides-Extra") == ["crypto", "embedded", "fast", "memory"]


def test_the_metadata_say_what_it_is(metadata):
    assert metadata["Name"] == "jobqueue"
    assert metadata["Version"] == jobqueue.__version__
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["License-Expression"] == "MIT"


def test_there_is_one_command(wheel):
    text = wheel.read(f"{DIST_INFO}/entry_points.txt").decode()
    assert text.split() == ["[console_scripts]", "jobqueue", "=", "jobqueue.cli:main"]


def test_the_licence_is_in_it(wheel):
    assert b"MIT" in wheel.read(f"{DIST_INFO}/licenses/LICENSE")
