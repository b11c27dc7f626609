"""The explore page of a finished run, in a browser."""

import csv

import pytest
from browser import CHROMIUM, WITHOUT, Browser

pytestmark = pytest.mark.skipif(not CHROMIUM, reason=WITHOUT)


def test_a_run_can_be_looked_at_and_labelled(finished, tmp_path):
    path = finished.folder / "results/small/explore.html"
    with Browser(tmp_path, (1280, 720)) as browser:
        browser.open(path)
        browser.run("localStorage.clear()")
        browser.run("go(0)")
        browser.until(lambda: browser.run("Boolean(pixelsOf(0))"))
        panel = browser.run("document.querySelector('aside').textContent")
        assert "Probability of each class" in panel
        assert "Votes of 7" in panel
        assert browser.run("document.querySelectorAll('aside .near button').length") == 24
        browser.press("g")
        assert browser.run("gallery.list.length") > 0
        browser.press("l", *"1234512345")
        browser.run("document.activeElement.blur(); saveLabels()")
        with open(browser.downloaded(".csv"), newline="") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == 10
        assert {row["CLASS"] for row in rows} == {"SPH", "ETD", "LTD", "IRR", "UNC"}
        assert browser.requests() == [path.as_uri()]
