"""How a process finds the application that another process has."""

import importlib
import json
import runpy
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from jobqueue.errors import JobQueueError, suggestion

if TYPE_CHECKING:  # whoever only passes a reference on does not need it
    from jobqueue.app import JobQueue


class AppNotFound(JobQueueError):
    """An application is not where it was said to be."""


@dataclass(frozen=True, slots=True)
class AppReference:
    """Where an application is.

    Attributes:
        module: the name of a module; empty if it is a script.
        script: the path of a script that was run; empty if it is a module.
        attribute: the name of the application there; empty if it is the only one.
        search: where modules are looked for, before all other places.
    """

    module: str
    script: str
    attribute: str
    search: tuple[str, ...]

    @classmethod
    def parse(cls, text: str, folder: str) -> "AppReference":
        """Read a reference as it is typed: ``app:jobs``, ``shop.tasks:jobs`` or, with one application there, ``app``.

        Args:
            text: the reference.
            folder: where modules are looked for first.

        Raises:
            AppNotFound: it is not a reference.
        """
        module, _, attribute = text.partition(":")
        if module.endswith(".py") or "/" in module:
            name = module.removesuffix(".py").strip("./").replace("/", ".")
            raise AppNotFound(f"{text!r} is a file; name the module instead: {name}:{attribute or 'jobs'}")
        if not module or not all(part.isidentifier() for part in (*module.split("."), attribute or "jobs")):
            raise AppNotFound(
                f"{text!r} is not a reference to an application: write module:attribute, such as app:jobs"
            )
        return cls(module, "", attribute, (folder,))

    @classmethod
    def locate(cls, jobs: "JobQueue") -> "AppReference | None":
        """Return where an application of this process is, or None if no module has it as a global."""
        # What can be imported goes before the script, which would be run once more.
        for name, module in sorted(sys.modules.copy().items(), key=lambda item: item[0] == "__main__"):
            for attribute, value in list(getattr(module, "__dict__", {}).items()):
                if value is jobs:
                    script = getattr(module, "__file__", "") if name == "__main__" else ""
                    if name == "__main__" and not script:
                        return None  # typed at a prompt
                    return cls("" if script else name, script or "", attribute, tuple(sys.path))
        return None

    @classmethod
    def from_json(cls, text: bytes) -> "AppReference":
        """Read what ``to_json`` wrote."""
        members = json.loads(text)
        return cls(members["module"], members["script"], members["attribute"], tuple(members["search"]))

    def to_json(self) -> bytes:
        """Return the reference as JSON, on one line."""
        return json.dumps(asdict(self)).encode()

    def __str__(self) -> str:
        return f"{self.module or self.script}:{self.attribute}" if self.attribute else self.module

    def load(self) -> "JobQueue":
        """Import the application.

        Raises:
            AppNotFound: the module or the application is not there. An error inside the module is raised as it is.
        """
        from jobqueue.app import JobQueue

        for place in reversed(self.search):
            if place not in sys.path:
                sys.path.insert(0, place)
        if self.script:
            if not Path(self.script).is_file():
                raise AppNotFound(f"there is no script {self.script!r}")
            # Not under the name __main__, so that the script defines its tasks and does not run its main part.
            found: Any = runpy.run_path(self.script, run_name="__jobqueue__")
            members: dict[str, Any] = found
        else:
            members = vars(self._import())
        if self.attribute:
            return self._checked(members)
        apps = {name: value for name, value in members.items() if isinstance(value, JobQueue)}
        if len(apps) == 1:
            return next(iter(apps.values()))
        if not apps:
            raise AppNotFound(f"module {self.module!r} has no JobQueue among its globals")
        names = " or ".join(f"{self.module}:{name}" for name in apps)
        raise AppNotFound(f"module {self.module!r} has {len(apps)} applications: write {names}")

    def _import(self) -> ModuleType:
        try:
            return importlib.import_module(self.module)
        except ModuleNotFoundError as error:
            if error.name is None or not (self.module == error.name or self.module.startswith(f"{error.name}.")):
                raise  # something that the module imports is missing
            place = Path(self.search[0]) if self.search else Path.cwd()
            near = suggestion(self.module, [path.stem for path in place.glob("*.py")])
            raise AppNotFound(f"there is no module {self.module!r} in {place} or where Python looks{near}") from None

    def _checked(self, members: dict[str, Any]) -> "JobQueue":
        from jobqueue.app import JobQueue

        value = members.get(self.attribute)
        if isinstance(value, JobQueue):
            return value
        where = self.module or self.script
        if value is None:
            apps = [name for name, member in members.items() if isinstance(member, JobQueue)]
            hint = suggestion(self.attribute, apps) or (f" (it has {', '.join(apps)})" if apps else "")
            raise AppNotFound(f"{where!r} has no {self.attribute!r}{hint}")
        raise AppNotFound(f"{self.attribute!r} in {where!r} is a {type(value).__name__}, not a JobQueue")
