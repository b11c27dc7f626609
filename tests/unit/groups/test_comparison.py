"""Two people's names of the same groups."""

import subprocess
import sys

import numpy as np
import pytest
from paths import ROOT

from morphovote.errors import InputError
from morphovote.groups import comparison

FIRST = """version: 1
who: Ada
groups:
  0: {class: SPH, galaxies: 100}
  1: {class: LTD, galaxies: 10}
  2: {class: LTD, galaxies: 10}
  3: {split: [5, 6], galaxies: 80}
  4: {merge: 0, galaxies: 30}
  5: {class: ETD, galaxies: 60}
  6: {class: IRR, galaxies: 20}
"""
SECOND = """version: 1
who: Bo
groups:
  0: {class: SPH, galaxies: 100}
  1: {class: LTD, galaxies: 10}
  2: {class: IRR, galaxies: 10}
  3: {class: ETD, galaxies: 80}
  4: {class: SPH, galaxies: 30}
"""


@pytest.fixture
def paths(tmp_path):
    paths = [tmp_path / name for name in ("first.yaml", "second.yaml")]
    for path, text in zip(paths, (FIRST, SECOND), strict=True):
        path.write_text(text)
    return paths


def test_classes_are_compared_part_by_part(paths):
    table, words = comparison.compare_files(*paths)
    assert [tuple(row) for row in table] == [
        ("0", "SPH", "SPH", 100, True),
        ("1", "LTD", "LTD", 10, True),
        ("2", "LTD", "IRR", 10, False),
        ("3 part 1", "ETD", "ETD", 60, True),
        ("3 part 2", "IRR", "ETD", 20, False),
        ("4", "SPH", "SPH", 30, True),
    ]
    assert "Ada and Bo: 6 groups named by both, 4 with one class" in words
    assert "group 2 (10 galaxies): LTD and IRR" in words


def test_kappa_by_its_definition(paths):
    table, _ = comparison.compare_files(*paths)
    for weighted in (False, True):
        weight = np.asarray(table["galaxies"] if weighted else np.ones(len(table)), float)
        weight /= weight.sum()
        one, two = np.asarray(table["first"]), np.asarray(table["second"])
        agreed = weight[one == two].sum()
        chance = sum(weight[one == c].sum() * weight[two == c].sum() for c in set(one) | set(two))
        expected = (agreed - chance) / (1 - chance)
        assert comparison.kappa(table, weighted) == pytest.approx(expected)
    assert comparison.kappa(table, True) > comparison.kappa(table, False)


def test_where_kappa_has_no_value(tmp_path, paths):
    paths[0].write_text("groups: {0: SPH, 1: SPH}")
    paths[1].write_text("groups: {0: SPH, 1: SPH, 2: LTD}")
    table, words = comparison.compare_files(*paths)
    assert np.isnan(comparison.kappa(table, False))
    assert "by groups: not defined; by galaxies: not defined" in words
    assert "group 2: no class and LTD" in words


def test_different_numbers_of_parts_are_a_difference_but_no_class(paths):
    paths[1].write_text(SECOND.replace("{class: ETD, galaxies: 80}", "{split: [5, 6, 7]}"))
    table, words = comparison.compare_files(*paths)
    assert tuple(table[table["group"] == "3"][0])[1:3] == ("into 2", "into 3")
    assert "4 groups named by both, 3 with one class" in words


def test_other_votes_are_refused(paths):
    for path, vote in zip(paths, ("v1", "v2"), strict=True):
        path.write_text(f"voters: {vote}\ngroups: {{0: SPH}}")
    with pytest.raises(InputError, match=r"'voters' is v1, but in .* it is v2"):
        comparison.compare_files(*paths)


@pytest.mark.slow
def test_command(paths, tmp_path):
    command = [sys.executable, ROOT / "scripts/compare_names.py", *paths, tmp_path / "out.csv"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "Cohen's kappa by groups: 0.5" in done.stdout
    assert (tmp_path / "out.csv").read_text().startswith("group,first,second,galaxies,same\n0,SPH")
    paths[1].write_text("groups: {0: WHAT}")
    failed = subprocess.run(command, capture_output=True, text=True)
    assert failed.returncode != 0
    assert "'WHAT' of group 0" in failed.stderr
    assert "Traceback" not in failed.stderr
