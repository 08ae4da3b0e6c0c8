"""How the house stands: rooms in order, imports downhill, no circles, nothing too large to read."""

import ast
import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# Each room may import those that stand before it. The sandbox and the client stand alone.
ROOMS = (
    "api",
    "pingpp_client",
    "accounts",
    "ledger",
    "qaorder",
    "payments",
    "jobs",
    "audit",
    "staff",
    "demo",
    "feiqingsong",
)
ALONE = ("pingpp_sandbox", "pingpp_client", "api")
# What runs in production imports no test either.
OURS = {*ROOMS, "pingpp_sandbox", "tests", "conftest"}
# Nothing stands on these but the project.
ROOFS = ("jobs", "audit", "staff", "demo")
LOCKS_AN_ORDER = "Order.objects.select_for_update"
LONGEST_MODULE, LONGEST_FUNCTION = 300, 32
_TESTS = re.compile(r"(^|/)(tests?|testing|migrations)(/|$)|(^|/)(conftest|test_\w+)\.py$")


def _sources() -> list[Path]:
    rooms = (*ROOMS, "pingpp_sandbox")
    paths = (path for room in rooms for path in sorted((ROOT / room).rglob("*.py")))
    return [path for path in paths if not _TESTS.search(str(path.relative_to(ROOT)))]


def _module(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


SOURCES = {_module(path): path for path in _sources()}


def _imports(path: Path) -> Iterator[str]:
    """The modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in SOURCES else node.module


def _may_import(room: str) -> set[str]:
    if room in ALONE:
        return {room}
    below = {*ROOMS[: ROOMS.index(room) + 1]}
    return below if room == "feiqingsong" else below - {*ROOFS} | {room}


def test_a_module_imports_only_rooms_that_stand_below_its_own():
    upwards = [
        f"{module} imports {name}"
        for module, path in SOURCES.items()
        for name in _imports(path)
        if name.split(".")[0] in OURS - _may_import(module.split(".")[0])
    ]

    assert upwards == []


def test_documents_name_files_that_are_there():
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
    named = {name for page in pages for name in re.findall(r"`([\w./]+\.py)`", page.read_text())}
    there = [
        f"/{path.relative_to(ROOT)}" for path in ROOT.rglob("*.py") if ".venv" not in path.parts
    ]

    assert named
    assert [name for name in named if not any(path.endswith(f"/{name}") for path in there)] == []


def test_an_order_is_locked_in_one_place():
    doors = [name for name, path in SOURCES.items() if LOCKS_AN_ORDER in path.read_text()]

    assert doors == ["qaorder.orders"]


def test_no_files_import_each_other_in_a_circle():
    graph = {name: {*_imports(path)} & {*SOURCES} - {name} for name, path in SOURCES.items()}

    try:
        order = [*TopologicalSorter(graph).static_order()]
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))

    assert {*order} == {*SOURCES}


def test_modules_and_functions_are_short_enough_to_be_read():
    too_long = []
    for module, path in SOURCES.items():
        text = path.read_text(encoding="utf-8")
        if text.count("\n") > LONGEST_MODULE:
            too_long.append(module)
        for node in ast.walk(ast.parse(text)):
            is_function = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
            if is_function and node.end_lineno - node.lineno >= LONGEST_FUNCTION:
                too_long.append(f"{module}.{node.name}")

    assert too_long == []
