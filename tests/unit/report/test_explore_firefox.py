"""The explore page in Firefox: it opens from disk, with the pieces beside it, and takes keys."""

import pytest
from explore_field import build_page, write_field
from firefox import FIREFOX, WITHOUT, Firefox

from morphovote.report import atlas

pytestmark = pytest.mark.skipif(not FIREFOX, reason=WITHOUT)

# Whether the first canvas that a selector finds has been drawn on.
DRAWN = """const one = document.querySelector("{}");
return Boolean(one) && one.getContext("2d").getImageData(5, 5, 1, 1).data[3] === 255;"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Firefox(tmp_path_factory.mktemp("firefox")) as one:
        yield one


def text(browser, selector):
    return browser.run(f"return document.querySelector('{selector}').textContent")


# Of two numbers, because a page knows the labels of an earlier one with the same galaxies.
@pytest.mark.parametrize(("count", "folder"), [(60, False), (61, True)])
def test_page_opens_and_takes_keys(browser, tmp_path, monkeypatch, count, folder):
    monkeypatch.setattr(atlas, "LARGEST_FILE", 60)
    build_page(write_field(tmp_path, count))
    assert (tmp_path / "explore").exists() == folder
    browser.open(tmp_path / "explore.html")
    assert f"{count} of {count} shown" in text(browser, "#count")
    assert browser.run(DRAWN.format("#plot canvas"))
    browser.press("g")
    browser.until(lambda: browser.run(DRAWN.format("#pictures .card canvas")))
    browser.run("document.querySelector('#pictures .card').click()")
    name = text(browser, "#pictures .card .name")
    assert text(browser, "aside h2") == name
    browser.until(lambda: browser.run(DRAWN.format("aside .trio canvas")))
    assert browser.run("return document.querySelectorAll('aside .near canvas').length") == 24
    browser.press("s", "l", "1")
    assert text(browser, "#done").startswith("1 labelled")
    assert "1 selected" in text(browser, "#count")
