"""The table of figures: each row has its module and its caption, and reading it costs nothing."""

import inspect
import subprocess
import sys
from importlib import import_module

import pytest
import yaml
from paths import ROOT

from morphovote.report.figures.table import FIGURES

CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
NAMES = [figure.name for figure in FIGURES]


def test_names_are_told_apart_and_sections_begin_with_a_figure_before():
    assert len(set(NAMES)) == len(NAMES)
    for place, figure in enumerate(FIGURES):
        assert not figure.section or figure.section in NAMES[:place], figure.name


@pytest.mark.parametrize("figure", FIGURES, ids=NAMES)
def test_a_figure_is_drawn_from_what_its_row_says(figure):
    module = import_module(f"morphovote.report.figures.{figure.name}")
    arguments = list(inspect.signature(module.draw).parameters)
    assert sorted(arguments) == sorted([*figure.inputs, *figure.settings])
    for key in figure.settings.values():
        section, entry = key.split(".")
        assert entry in CONFIG[section]


def test_every_caption_belongs_to_a_figure():
    captions = {path.stem for path in (ROOT / "workflow/report").glob("*.rst")}
    assert captions == set(NAMES)


def loaded(module):
    """Heavy libraries that importing one module loads."""
    code = (
        f"import sys, importlib; importlib.import_module({module!r}); "
        "print([n for n in ('matplotlib', 'numpy', 'torch') if n in sys.modules])"
    )
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command, cwd=ROOT / "scripts", capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.mark.slow
def test_reading_the_table_loads_nothing_and_drawing_no_network():
    assert loaded("morphovote.report.figures.table") == "[]"
    names = "; ".join(f"import morphovote.report.figures.{name}" for name in NAMES)
    code = f"{names}; import sys; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT / "scripts", check=True)
