"""Imports go strictly down, and what is dangerous or slow stays where it belongs."""

import ast
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

import jobqueue

PACKAGE = Path(jobqueue.__file__).parent

# A module may import what stands in a line above its own. Inside a package modules may also import each other, as long
# as none imports itself in the end.
LAYERS = [
    "errors version visible",
    "durations histogram keyring models names stored",
    "cron signing",
    "encryption schedule",
    "batch dedup durability fingerprint limits signals",
    "versions",
    "job retention retry signature",
    "dependencies explanation outcome settings timeline where",
    "configuration steering",
    "aggregate seal",
    "options",
    "store store.*",
    "context health replay",
    "operations",
    "events handle middleware",
    "task",
    "flow queue schedules taskset workers",
    "declarations delivery inspection",
    "confirmation",
    "app",
    "jobqueue",
    "worker worker.*",
    "cli cli.*",
    "__main__",
]

# Who may import or use what.
ALLOWED = {
    "redis": ["store.*", "worker.waiter", "worker.listener"],
    "click": ["cli.*"],
    "cryptography": ["encryption"],
    "fakeredis": ["store.server"],
    "uvloop": ["worker.*"],
    "runpy": ["worker.reference"],
    "importlib.import_module": ["jobqueue", "worker.reference", "cli.main"],
    "__import__": [],
    "pickle": [],
    "marshal": [],
    "shelve": [],
    "dbm": [],
    "yaml": [],
    "eval": [],
    "exec": [],
    "compile": [],
}


def name_of(path: Path) -> str:
    """Return the name of a module without that of the package; the package itself is ``jobqueue``."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts) or "jobqueue"


TREES = {name_of(path): ast.parse(path.read_text("utf-8")) for path in PACKAGE.rglob("*.py")}


def imported(tree: ast.AST) -> Iterator[str]:
    """Yield the full name of everything that is imported anywhere: in functions, and for types only, as well."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def modules_imported(tree: ast.AST) -> set[str]:
    """Return the modules of the package that are imported, without its name."""
    found = set()
    for name in imported(tree):
        if name.split(".")[0] == "jobqueue":
            inside = name.removeprefix("jobqueue").removeprefix(".")
            # What is imported from a module is not a module itself.
            found.add(inside if inside in TREES else inside.rpartition(".")[0] or "jobqueue")
    return found


IMPORTS = {module: modules_imported(tree) for module, tree in TREES.items()}


def layer_of(module: str) -> int:
    """Return the number of the layer of a module."""
    [found] = [
        number for number, layer in enumerate(LAYERS) if any(fnmatchcase(module, name) for name in layer.split())
    ]
    return found


def used(tree: ast.AST) -> set[str]:
    """Return what is imported, and the plain names that are called."""
    called = (node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name))
    attributes = (ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute))
    return {*imported(tree), *called, *attributes}


def test_there_are_modules_and_all_that_is_imported_exists():
    assert {"errors", "store.client", "worker.runner", "cli.main", "jobqueue"} <= set(IMPORTS)
    assert set().union(*IMPORTS.values()) <= set(IMPORTS)


def may_import(module: str, other: str) -> bool:
    """Tell whether one module may import another."""
    own, others = layer_of(module), layer_of(other)
    return others < own or (others == own and module.partition(".")[0] == other.partition(".")[0])


def test_every_module_has_its_layer():
    assert {module: layer_of(module) for module in TREES}.keys() == TREES.keys()
    assert {layer_of(module) for module in TREES} == set(range(len(LAYERS)))


def test_imports_go_strictly_down():
    wrong = {(module, other) for module in IMPORTS for other in IMPORTS[module] if not may_import(module, other)}
    assert wrong == set()


def test_no_module_imports_itself_in_the_end():
    finished: set[str] = set()

    def visit(module: str, above: tuple[str, ...]) -> None:
        assert module not in above, " -> ".join((*above[above.index(module) :], module))
        if module not in finished:
            for other in sorted(IMPORTS[module]):
                visit(other, (*above, module))
            finished.add(module)

    for module in sorted(IMPORTS):
        visit(module, ())
    assert finished == set(IMPORTS)


def test_only_the_ground_stands_on_the_standard_library_alone():
    for module in ("errors", "version", "durations", "names"):
        others = {name.split(".")[0] for name in imported(TREES[module])}
        assert not others & {"pydantic", "pydantic_core", "typing_extensions", "redis", "click"}


@pytest.mark.parametrize("subject", ALLOWED)
def test_what_is_dangerous_or_slow_stays_where_it_belongs(subject):
    users = {
        module
        for module, tree in TREES.items()
        if any(name == subject or name.startswith(f"{subject}.") for name in used(tree))
    }
    assert {user for user in users if not any(fnmatchcase(user, place) for place in ALLOWED[subject])} == set()
    # A place where it is allowed and not used would be a place that nobody looks after.
    assert users or not ALLOWED[subject] or subject == "uvloop"


class EnvironmentReads(ast.NodeVisitor):
    """Finds where the environment is read while a module is imported."""

    def __init__(self) -> None:
        self.lines: list[int] = []

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """Look only at what is evaluated when the function is defined."""
        for part in (*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults)):
            self.visit(part)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815  so are visitors called

    def visit_Lambda(self, node: ast.Lambda) -> None:
        """Leave what runs later."""

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """Note a read."""
        if ast.unparse(node) in ("os.environ", "os.getenv"):
            self.lines.append(node.lineno)
        self.generic_visit(node)


def test_the_environment_is_never_read_while_a_module_is_imported():
    for module, tree in TREES.items():
        reads = EnvironmentReads()
        reads.visit(tree)
        assert reads.lines == [], module
        assert not {"os.environ", "os.getenv"} & set(imported(tree)), "write os.environ, so that it can be found"


def test_a_read_at_import_would_be_found():
    text = "import os\ndef f(a=os.environ):\n    return os.environ\nclass A:\n    b = os.getenv('b')\n"
    reads = EnvironmentReads()
    reads.visit(ast.parse(text))
    assert reads.lines == [2, 5]
