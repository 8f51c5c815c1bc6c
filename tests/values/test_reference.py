"""How a process finds the application that another process has."""

import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobqueue import JobQueue
from jobqueue.worker.reference import AppNotFound, AppReference

APP = "from jobqueue import JobQueue\n{} = JobQueue()\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a folder with modules, which are forgotten afterwards."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


def write(folder: Path, **texts: str) -> None:
    """Write modules; two underscores stand for the dot of a package."""
    for name, text in texts.items():
        place = folder.joinpath(*name.split("__")).with_suffix(".py")
        place.parent.mkdir(exist_ok=True)
        place.write_text(text)


@pytest.mark.parametrize(
    ("text", "module", "attribute"),
    [
        ("app:jobs", "app", "jobs"),
        ("app", "app", ""),
        ("app:", "app", ""),
        ("shop.tasks:jobs", "shop.tasks", "jobs"),
        ("_app2:_jobs", "_app2", "_jobs"),
    ],
)
def test_a_reference_is_read_as_it_is_typed(text, module, attribute):
    assert AppReference.parse(text, "/here") == AppReference(module, "", attribute, ("/here",))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("app.py", r"'app\.py' is a file; name the module instead: app:jobs"),
        ("app.py:queue", r"name the module instead: app:queue"),
        ("./shop/tasks.py:jobs", r"name the module instead: shop\.tasks:jobs"),
        ("shop/tasks", r"name the module instead: shop\.tasks:jobs"),
        ("", "write module:attribute, such as app:jobs"),
        (":jobs", "write module:attribute"),
        ("app:jobs:more", "write module:attribute"),
        ("app:jobs.more", "write module:attribute"),
        ("my-app:jobs", "write module:attribute"),
        ("app..tasks:jobs", "write module:attribute"),
        (".tasks:jobs", "write module:attribute"),
        ("app jobs", "write module:attribute"),
        ("app\n", "write module:attribute"),
    ],
)
def test_what_is_no_reference_is_refused_with_the_right_one(text, message):
    with pytest.raises(AppNotFound, match=message):
        AppReference.parse(text, "/here")


texts = st.text(max_size=20)


@given(st.builds(AppReference, texts, texts, texts, st.lists(texts, max_size=3).map(tuple)))
def test_a_reference_travels_to_another_process_on_one_line(reference):
    assert AppReference.from_json(reference.to_json()) == reference
    assert b"\n" not in reference.to_json()


@pytest.mark.parametrize(
    ("reference", "text"),
    [
        (AppReference("shop.tasks", "", "jobs", ()), "shop.tasks:jobs"),
        (AppReference("app", "", "", ()), "app"),
        (AppReference("", "/shop/app.py", "jobs", ()), "/shop/app.py:jobs"),
    ],
)
def test_it_is_shown_as_it_is_typed(reference, text):
    assert str(reference) == text


def test_an_application_is_imported_from_the_folder(folder):
    write(folder, some_app=APP.format("jobs"))
    jobs = AppReference.parse("some_app:jobs", str(folder)).load()
    assert jobs is sys.modules["some_app"].jobs


def test_the_folder_goes_before_all_other_places(folder):
    write(folder, colorsys=APP.format("jobs"))
    sys.modules.pop("colorsys", None)
    assert isinstance(AppReference.parse("colorsys:jobs", str(folder)).load(), JobQueue)


def test_an_application_may_be_in_a_package(folder):
    write(folder, some_shop____init__="", some_shop__tasks=APP.format("jobs"))
    assert isinstance(AppReference.parse("some_shop.tasks:jobs", str(folder)).load(), JobQueue)


def test_a_lone_application_need_not_be_named(folder):
    write(folder, some_app=APP.format("whatever"))
    assert AppReference.parse("some_app", str(folder)).load() is sys.modules["some_app"].whatever


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("some_app:job", r"'some_app' has no 'job' \(did you mean 'jobs'\?\)"),
        ("some_app:zzz", r"'some_app' has no 'zzz' \(it has jobs\)"),
        ("some_app:number", "'number' in 'some_app' is a int, not a JobQueue"),
        ("two_apps", "module 'two_apps' has 2 applications: write two_apps:first or two_apps:second"),
        ("no_app", "module 'no_app' has no JobQueue among its globals"),
        ("no_app:jobs", r"'no_app' has no 'jobs'$"),
        ("some_ap:jobs", r"there is no module 'some_ap' in .* or where Python looks \(did you mean 'some_app'\?\)"),
        ("some_app.tasks:jobs", r"there is no module 'some_app\.tasks'"),
        ("zzz.tasks:jobs", r"there is no module 'zzz\.tasks' in [^ ]+ or where Python looks$"),
    ],
)
def test_an_application_that_is_not_there_is_refused_with_a_hint(folder, text, message):
    write(
        folder,
        some_app=APP.format("jobs") + "number = 5\n",
        two_apps=APP.format("first") + "second = JobQueue()\n",
        no_app="",
    )
    with pytest.raises(AppNotFound, match=message):
        AppReference.parse(text, str(folder)).load()


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("import zzz_is_missing", ModuleNotFoundError),
        ("from jobqueue import Zzz", ImportError),
        ("1 / 0", ZeroDivisionError),
        ("def", SyntaxError),
    ],
)
def test_an_error_inside_the_module_is_its_own(folder, text, error):
    write(folder, some_app=text)
    with pytest.raises(error):
        AppReference.parse("some_app:jobs", str(folder)).load()


def test_an_application_of_a_script_is_found_without_running_its_main_part(folder):
    script = folder / "script.py"
    script.write_text(APP.format("jobs") + "if __name__ == '__main__':\n    raise SystemExit\n")
    assert isinstance(AppReference("", str(script), "jobs", ()).load(), JobQueue)
    with pytest.raises(AppNotFound, match=r"script\.py' has no 'job' \(did you mean 'jobs'\?\)"):
        AppReference("", str(script), "job", ()).load()


def test_a_script_that_is_gone_is_refused(folder):
    with pytest.raises(AppNotFound, match=r"there is no script .*gone\.py"):
        AppReference("", str(folder / "gone.py"), "jobs", ()).load()


def test_an_application_is_located_where_it_can_be_found_again(folder):
    write(folder, some_app=APP.format("jobs"))
    jobs = AppReference.parse("some_app:jobs", str(folder)).load()
    located = AppReference.locate(jobs)
    assert located == AppReference("some_app", "", "jobs", tuple(sys.path))
    assert located.load() is jobs


@pytest.mark.parametrize("file", ["/shop/script.py", None])
def test_an_application_of_the_main_module_is_located_by_its_script_unless_it_was_typed(monkeypatch, file):
    main = ModuleType("__main__")
    main.jobs = JobQueue()
    if file:
        main.__file__ = file
    monkeypatch.setitem(sys.modules, "__main__", main)
    expected = AppReference("", file, "jobs", tuple(sys.path)) if file else None
    assert AppReference.locate(main.jobs) == expected


def test_a_module_goes_before_the_script_that_has_imported_from_it(monkeypatch, folder):
    write(folder, some_app=APP.format("jobs"))
    main = ModuleType("__main__")
    main.__file__ = "/shop/script.py"
    main.jobs = AppReference.parse("some_app:jobs", str(folder)).load()
    monkeypatch.setitem(sys.modules, "__main__", main)
    assert AppReference.locate(main.jobs).module == "some_app"


def test_an_application_that_is_no_global_is_not_located():
    assert AppReference.locate(JobQueue()) is None
