"""The pages that are made from the code, and the links between pages."""

import re

from paths import ROOT


def test_catalogue_page_is_that_of_the_columns(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    from catalogue_page import catalogue_page

    assert (ROOT / "docs/catalogue.md").read_text(encoding="utf-8") == catalogue_page()


def test_links_lead_somewhere():
    for page in [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            # What lies in reference/ is written, and its links are checked, by `make docs`.
            if "://" not in target and not target.startswith("reference/"):
                assert (page.parent / target).exists(), f"{page.name}: {target}"
