"""Imports between the rooms of the library go one way, and are those drawn in the docs."""

import ast
import re
from pathlib import Path
from typing import NamedTuple

import pytest
from paths import ROOT

PAGE = "docs/development.md"
GROUND = "ground floor:"


class Plan(NamedTuple):
    """The picture: rooms in order, those open to every room above, and the arrows drawn."""

    order: list[str]
    ground: list[str]
    arrows: dict[str, list[str]]


def read_plan(page: str) -> Plan:
    """Read the fenced block that names the ground floor, and then a room a line."""
    (block,) = [b for b in re.findall(r"```\w*\n(.*?)```", page, re.DOTALL) if GROUND in b]
    first, *lines = [line for line in block.splitlines() if line.strip()]
    ground = split(first.removeprefix(GROUND))
    arrows = {}
    for line in lines:
        room, arrow, rooms = line.partition("<-")
        assert arrow, f"{PAGE}: {line!r} has no <-"
        assert room.strip() not in arrows, f"{PAGE}: {room.strip()} stands twice"
        arrows[room.strip()] = split(rooms)
    assert not set(ground) - set(arrows), f"{PAGE}: a room of the ground floor has no line"
    return Plan(list(arrows), ground, arrows)


def split(names: str) -> list[str]:
    return [name.strip() for name in names.split(",") if name.strip()]


class Import(NamedTuple):
    """One name that a module takes from another, and what it is called there."""

    path: Path
    module: list[str]
    name: str
    alias: str


def imports_of(package: Path) -> list[Import]:
    """Every `from package.room... import name` of the package, wherever in a module it stands."""
    found = []
    for path in sorted(package.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ImportFrom) or node.module is None:
                continue
            top, *module = node.module.split(".")
            if top == package.name:
                found += [
                    Import(path, module, alias.name, alias.asname or alias.name)
                    for alias in node.names
                ]
    return found


def room_of(package: Path, path: Path) -> str:
    """Room of a module: its package or, for a module beside the packages, itself."""
    return path.relative_to(package).with_suffix("").parts[0]


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__")


def arrows_of(package: Path) -> dict[str, set[str]]:
    """Rooms that each room imports from; the version of the package is no room."""
    rooms = {room_of(package, path) for path in package.rglob("*.py")} - {"__init__"}
    arrows = {room: set() for room in rooms}
    for path, module, name, _ in imports_of(package):
        room, other = room_of(package, path), (module or [name])[0]
        if room in rooms and other in rooms - {room}:
            arrows[room].add(other)
    return arrows


def faults_of_arrows(package: Path, plan: Plan) -> list[str]:
    """What of the imports is not as drawn; each with the line of the picture that would be true."""
    arrows = arrows_of(package)
    faults = [
        f"{room}: in {PAGE}, but there is no such room" for room in plan.order if room not in arrows
    ]
    for room, others in sorted(arrows.items()):
        if room in plan.order:
            above = plan.order[: plan.order.index(room)]
            faults += [
                f"{room} imports {other}, which stands below it: move what they share"
                for other in plan.order
                if other in others and other not in above
            ]
        shown = others if room in plan.ground else others - set(plan.ground)
        line = f"{room} <- {', '.join(sorted(shown, key=[*plan.order, *shown].index))}"
        if room not in plan.order:
            faults.append(f"in {PAGE}, {room} has no line; it should be: {line}")
        elif shown != set(plan.arrows[room]):
            faults.append(f"in {PAGE}, the line of {room} should be: {line}")
    return faults


def faults_of_packages(package: Path) -> list[str]:
    """`__init__.py` of rooms that hold more than a docstring."""
    faults = []
    for path in sorted(package.glob("*/**/__init__.py")):
        body = ast.parse(path.read_text(encoding="utf-8")).body
        constant = len(body) == 1 and isinstance(body[0], ast.Expr)
        if not (constant and isinstance(body[0].value, ast.Constant)):
            faults.append(f"{path.relative_to(package)}: should hold a docstring and nothing else")
    folders = {path.parent for path in package.rglob("*.py")}
    missing = [folder for folder in sorted(folders) if not (folder / "__init__.py").is_file()]
    return faults + [f"{folder.relative_to(package)}: has no __init__.py" for folder in missing]


def faults_of_private_names(package: Path) -> list[str]:
    """Private names that a room takes from another, imported or as `module._name`."""
    faults = []
    modules: dict[Path, set[str]] = {}
    for path, module, name, alias in imports_of(package):
        if (module or [name])[0] == room_of(package, path):
            continue
        if is_private(name):
            faults.append(f"{path.relative_to(package)}: imports {'.'.join(module)}.{name}")
        modules.setdefault(path, set()).add(alias)
    for path, names in modules.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            of = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
            if of and node.value.id in names and is_private(node.attr):
                faults.append(f"{path.relative_to(package)}: uses {node.value.id}.{node.attr}")
    return faults


PACKAGE = ROOT / "scripts/morphovote"


def test_imports_go_one_way_and_are_those_drawn():
    plan = read_plan((ROOT / PAGE).read_text(encoding="utf-8"))
    assert len(plan.order) > 20
    assert sum(map(len, arrows_of(PACKAGE).values())) > 50
    assert "storage" not in plan.arrows["compute"]
    faults = faults_of_arrows(PACKAGE, plan)
    assert not faults, "\n".join(faults)


def test_packages_hold_a_docstring_and_nothing_else():
    assert not faults_of_packages(PACKAGE)


def test_rooms_keep_their_private_names():
    assert not faults_of_private_names(PACKAGE)


# --- the same on a made-up library ---------------------------------------------------------------

DRAWN = """
```
ground floor: errors, tools
errors    <-
tools     <- errors
sky       <-
stars     <- sky
page      <- sky, stars
```
"""
FILES = {
    "errors.py": "",
    "tools/__init__.py": '"""Tools."""\n',
    "tools/files.py": "from lib.errors import Wrong\n",
    "sky/__init__.py": '"""Sky."""\n',
    "sky/light.py": "from lib import errors\nfrom lib.tools import files\n",
    "stars/__init__.py": '"""Stars."""\n',
    "stars/deep/__init__.py": '"""Deep."""\n',
    "stars/deep/bright.py": "def f():\n    from lib.sky.light import shine\n",
    "page/__init__.py": '"""Page."""\n',
    "page/text.py": "from lib.sky import light\nfrom lib.stars.deep.bright import f\n",
}


def faults(folder, changed):
    """Everything said of the library with some files changed."""
    library = folder / "lib"
    for name, text in {"__init__.py": "__version__ = '1'\n", **FILES, **changed}.items():
        (library / name).parent.mkdir(parents=True, exist_ok=True)
        (library / name).write_text(text)
    found = faults_of_arrows(library, read_plan(DRAWN)) + faults_of_packages(library)
    return found + faults_of_private_names(library)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, []),
        (
            {"sky/light.py": "def f():\n    from lib.stars.deep.bright import f\n"},
            [
                "sky imports stars, which stands below it: move what they share",
                f"in {PAGE}, the line of sky should be: sky <- stars",
            ],
        ),
        (
            {"tools/files.py": "from lib.sky import light\n"},
            [
                "tools imports sky, which stands below it: move what they share",
                f"in {PAGE}, the line of tools should be: tools <- sky",
            ],
        ),
        (
            {"page/text.py": "from lib.sky import light\n"},
            [f"in {PAGE}, the line of page should be: page <- sky"],
        ),
        (
            {"attic/__init__.py": '"""Attic."""', "attic/old.py": "from lib.sky import light\n"},
            [f"in {PAGE}, attic has no line; it should be: attic <- sky"],
        ),
        ({"sky/more/deep.py": ""}, ["sky/more: has no __init__.py"]),
        (
            {"stars/__init__.py": '"""Stars."""\nfrom lib.sky import light\n'},
            ["stars/__init__.py: should hold a docstring and nothing else"],
        ),
        (
            {"page/text.py": FILES["page/text.py"] + "from lib.stars.deep.bright import _g\n"},
            ["page/text.py: imports stars.deep.bright._g"],
        ),
        (
            {"page/text.py": FILES["page/text.py"] + "from lib.sky import sun as s\ns._dim()\n"},
            ["page/text.py: uses s._dim"],
        ),
    ],
)
def test_what_is_not_as_drawn_is_said(changed, said, tmp_path):
    assert faults(tmp_path, changed) == said


def test_a_room_that_is_only_drawn_is_said(tmp_path):
    assert faults(tmp_path, {}) == []
    plan = read_plan(DRAWN.replace("page      <-", "cellar    <-\npage      <-"))
    assert faults_of_arrows(tmp_path / "lib", plan) == [
        f"cellar: in {PAGE}, but there is no such room"
    ]
