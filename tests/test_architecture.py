"""The rules of the house: who may import whom, and how large a room may be."""

from __future__ import annotations

import ast
import graphlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboard.pages import PAGES
from tools.browser import ROOT

MOST_LINES = 360
MOST_FUNCTION_LINES = 45
MOST_ROOM_IMPORTS = 12
PAGE_NAMES = {page.name for page in PAGES}


def files(*packages: str) -> list[Path]:
    return sorted(file for package in packages for file in (ROOT / package).rglob("*.py"))


def name_of(file: Path) -> str:
    """A file's module, a package being named by its folder."""
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(file): file for file in files("xaicore", "dashboard")}


def imports_of(source: str) -> Iterator[str]:
    """The project's modules that a source imports, wherever in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in MODULES else node.module


def room_of(module: str) -> str:
    """The folder of the dashboard that a module lies in; the router's for those at its top."""
    parts = module.split(".")
    return parts[1] if len(parts) > 2 or (ROOT / "dashboard" / parts[-1]).is_dir() else "router"


GRAPH = {name: set(imports_of(file.read_text("utf-8"))) for name, file in MODULES.items()}


def test_the_package_knows_neither_dashboard_nor_streamlit() -> None:
    for name, imports in GRAPH.items():
        if name.startswith("xaicore"):
            roots = {imported.partition(".")[0] for imported in imports}
            assert not roots & {"dashboard", "streamlit", "tools", "tests"}, name


def test_no_page_imports_a_page_and_shared_rooms_know_none() -> None:
    for name, imports in GRAPH.items():
        if name.startswith("dashboard.") and room_of(name) != "router":
            rooms = {room_of(other) for other in imports if other.startswith("dashboard.")}
            assert rooms <= {room_of(name), "shared"}, name


def test_every_page_is_a_folder_and_every_folder_a_page() -> None:
    folders = {file.parent.name for file in (ROOT / "dashboard").glob("*/page.py")}
    assert folders == PAGE_NAMES
    for page in PAGES:
        assert (ROOT / "dashboard" / page.script).is_file()


def test_a_dozen_arrows_between_the_rooms_of_the_dashboard_suffice() -> None:
    arrows = {
        (room_of(name), room_of(imported))
        for name, imports in GRAPH.items()
        for imported in imports
        if name.startswith("dashboard.") and imported.startswith("dashboard.")
    }
    between = {(a, b) for a, b in arrows if a != b}
    assert len(between) <= MOST_ROOM_IMPORTS, between


def test_the_imports_run_in_no_circle() -> None:
    own = {name: {other for other in GRAPH[name] if other in MODULES} for name in MODULES}
    graphlib.TopologicalSorter(own).prepare()


def test_a_circle_would_be_found() -> None:
    with pytest.raises(graphlib.CycleError):
        graphlib.TopologicalSorter({"a": {"b"}, "b": {"a"}}).prepare()
    source = "def f():\n    from dashboard.shared import jobs\n    import xaicore.render"
    assert set(imports_of(source)) == {"dashboard.shared.jobs", "xaicore.render"}


def test_pictures_reach_a_page_through_one_function_only() -> None:
    calls = ("image", "pyplot", "audio", "video", "pdf", "graphviz_chart")
    shown = [
        name
        for name, file in MODULES.items()
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if name.startswith("dashboard") and isinstance(node, ast.Attribute) and node.attr in calls
    ]
    assert shown == ["dashboard.shared.widgets"]


@pytest.mark.parametrize("file", MODULES.values(), ids=lambda file: file.stem)
def test_rooms_and_functions_stay_small(file: Path) -> None:
    source = file.read_text("utf-8")
    assert source.count("\n") <= MOST_LINES
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno is not None
            assert node.end_lineno - node.lineno < MOST_FUNCTION_LINES, node.name
