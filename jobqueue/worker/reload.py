"""Watches the source code of an application, for development."""

import os
from collections.abc import Iterator
from pathlib import Path

_SKIPPED = {"__pycache__", "node_modules", "site-packages"}


class SourceWatch:
    """Tells when a Python file below a folder was changed, added or removed.

    Args:
        folder: the folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen = self._look()

    def changed(self) -> bool:
        """Tell whether something has changed since the last time it was asked."""
        now = self._look()
        changed = now != self._seen
        self._seen = now
        return changed

    def _look(self) -> dict[Path, int]:
        found = {}
        for path in self._files():
            try:
                found[path] = path.stat().st_mtime_ns
            except FileNotFoundError:
                continue  # it was removed since it was listed
        return found

    def _files(self) -> Iterator[Path]:
        for place, folders, files in os.walk(self._folder):
            folders[:] = [
                name
                for name in folders
                if not name.startswith(".") and name not in _SKIPPED and not Path(place, name, "pyvenv.cfg").exists()
            ]
            yield from (Path(place, name) for name in files if name.endswith(".py"))
