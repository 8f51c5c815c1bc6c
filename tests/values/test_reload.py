"""Watching the source code of an application."""

import os
from pathlib import Path

import pytest

from jobqueue.worker.reload import SourceWatch


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "app.py").write_text("jobs = None")
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "tasks.py").write_text("")
    return tmp_path


def touch(path: Path) -> None:
    """Change the time of a file, without waiting for the clock to go on."""
    changed = path.stat().st_mtime_ns + 1_000_000_000
    os.utime(path, ns=(changed, changed))


def test_nothing_has_changed_at_first_and_a_change_is_told_once(folder):
    watch = SourceWatch(folder)
    assert not watch.changed()
    touch(folder / "app.py")
    assert watch.changed()
    assert not watch.changed()


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: touch(folder / "shop" / "tasks.py"),
        lambda folder: (folder / "new.py").write_text(""),
        lambda folder: (folder / "app.py").unlink(),
        lambda folder: (folder / "app.py").rename(folder / "main.py"),
        lambda folder: (folder / "shop").rename(folder / "store"),
    ],
)
def test_python_files_are_watched_in_all_folders(folder, change):
    watch = SourceWatch(folder)
    change(folder)
    assert watch.changed()


@pytest.mark.parametrize(
    "place", ["data.json", "app.pyc", ".hidden/app.py", "__pycache__/app.py", "node_modules/a/app.py", "env/lib/app.py"]
)
def test_what_is_not_the_applications_is_not_watched(folder, place):
    (folder / "env").mkdir()
    (folder / "env" / "pyvenv.cfg").write_text("")
    watch = SourceWatch(folder)
    (folder / place).parent.mkdir(parents=True, exist_ok=True)
    (folder / place).write_text("")
    assert not watch.changed()


def test_a_link_to_nothing_is_no_file(folder):
    watch = SourceWatch(folder)
    (folder / "broken.py").symlink_to(folder / "nowhere.py")
    assert not watch.changed()


def test_a_folder_that_is_gone_is_a_change_like_others(folder):
    watch = SourceWatch(folder / "shop")
    (folder / "shop" / "tasks.py").unlink()
    (folder / "shop").rmdir()
    assert watch.changed()
    assert not watch.changed()
