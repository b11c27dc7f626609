"""From the naming page to the catalogue: open, choose, save, feed back, run."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import yaml
from astropy.table import Table
from browser import CHROMIUM, WITHOUT, Browser
from project import changed

from morphovote.classify.classes import DETECTED

# The copy lies elsewhere, and some inputs have absolute paths.
TRIGGERS = ("--rerun-triggers", "mtime", "params")


@pytest.fixture(scope="module")
def copy(finished, tmp_path_factory):
    """A copy of the finished run, so that other tests find it as it was."""
    folder = tmp_path_factory.mktemp("named")
    shutil.copytree(finished.folder, folder, dirs_exist_ok=True)
    return replace(finished, folder=folder)


def classes_by_group(folder):
    catalogue = Table.read(folder / "results/small/catalogue.fits", hdu=1)
    # One that is too faint to be seen is UNC, whatever its group.
    kept = np.asarray(catalogue["KEPT"], dtype=bool) & (catalogue["SNR"] >= DETECTED)
    pairs = set(
        zip(catalogue["GROUP"][kept].tolist(), catalogue["CLASS"][kept].tolist(), strict=True)
    )
    return catalogue, {int(group): str(name).strip() for group, name in pairs}


@pytest.mark.skipif(not CHROMIUM, reason=WITHOUT)
def test_named_in_a_browser_and_run(copy, small_config, tmp_path):
    results = copy.folder / "results/small"
    with Browser(tmp_path) as browser:
        browser.open(results / "naming.html")
        assert browser.run("document.querySelectorAll('figure').length") > 8
        # 60 galaxies may leave one of the four groups empty: three are enough.
        browser.press("4", "j")
        browser.write("#own", "ODD")
        browser.click(".own button")
        browser.press("j")
        browser.choose("#join", "0")
        browser.write("#who", "Ada")
        browser.press("Escape")
        browser.click("#save")
        path = browser.downloaded()
        assert browser.requests() == [(results / "naming.html").as_uri()]
    shutil.copy(path, copy.folder / "names.yaml")
    config = changed(small_config, "classes.names", "names.yaml")
    wanted = [f"results/small/{name}" for name in ("catalogue.fits", "summary.json", "naming.html")]
    copy.snakemake(*wanted, *TRIGGERS, config=config)
    catalogue, found = classes_by_group(copy.folder)
    assert found.items() <= {0: "IRR", 1: "ODD", 3: "UNC"}.items()
    assert found.items() & {(0, "IRR"), (1, "ODD")}
    assert (np.asarray(catalogue["GROUP"]) != 2).all()
    names = yaml.safe_load((results / "model/names.yaml").read_text())
    assert (names["who"], names["groups"][2]["reason"]) == ("Ada", "joined to group 0")
    summary = json.loads((results / "summary.json").read_text())
    assert summary["names_origin"] == "file"
    assert summary["naming"]["joined"] == 1
    with Browser(tmp_path / "again") as browser:
        browser.open(results / "naming.html")
        chips = browser.run("[...document.querySelectorAll('nav .chip')].map((c) => c.textContent)")
        assert (chips[:2], chips[-1]) == (["IRR", "ODD"], "IRR")


def test_names_survive_another_seed(copy, small_config):
    names = yaml.safe_load((copy.folder / "results/small/model/names.yaml").read_text())
    names["groups"] = {n: {"class": c} for n, c in enumerate(("SPH", "ETD", "LTD", "IRR"))}
    (copy.folder / "mine.yaml").write_text(yaml.safe_dump(names))
    config = changed(small_config, "classes.names", "mine.yaml")
    config["voting"] = small_config["voting"] | {"seed": 9}
    copy.snakemake("results/small/summary.json", *TRIGGERS, config=config)
    summary = json.loads((copy.folder / "results/small/summary.json").read_text())
    matching = summary["naming"]["matching"]
    matched = {int(there): here for there, here in matching["matched"].items()}
    assert matching["voters"] == names["voters"]
    assert sorted([*matched.values(), *matching["unmatched"]]) == sorted(
        group["group"]
        for group in summary["groups"]
        if group["galaxies"] or group["group"] in matched
    )
    classes = {group["group"]: group["class"] for group in summary["groups"]}
    for there, here in matched.items():
        assert classes[here] == names["groups"][there]["class"]
    for here in matching["unmatched"]:
        assert classes[here] == "UNC"
