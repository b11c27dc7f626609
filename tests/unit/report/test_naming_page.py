"""The naming page: what it holds, and what it does in a browser."""

import base64
import io
import json
import re

import numpy as np
import pytest
import yaml
from astropy.table import Table
from browser import CHROMIUM, WITHOUT, Browser
from paths import ROOT
from PIL import Image

from morphovote.checks.confounders import summarise_audit
from morphovote.groups import names as group_names
from morphovote.report import naming_page
from morphovote.storage.files import write_yaml

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)> \u2028 ]]> <!--"
GROUPS, SIZE, SIDE = 4, 45, 24
PAGES = ROOT / "workflow/report"
FILES = [
    PAGES / "naming.html.j2",
    *([PAGES / f"{name}.{end}" for name in ("shared", "naming")] for end in ("css", "js")),
]
CENTRES = {number: [float(number), 0.25, -1e-05] for number in range(GROUPS)}


def table():
    """180 galaxies in four groups; n is the group's number plus one."""
    rng = np.random.default_rng(0)
    count = GROUPS * SIZE
    group = np.repeat(np.arange(GROUPS), SIZE)
    members = Table(
        {
            "ID": [HOSTILE, *(f"g{i}" for i in range(1, count))],
            "GROUP": group,
            "GROUP_SECOND": (group + 1) % GROUPS,
            "VOTE_FRACTION": np.tile(np.linspace(1, 0.3, SIZE), GROUPS),
            "KEPT": np.tile(np.linspace(1, 0.3, SIZE) > 0.66, GROUPS),
            "MAG": rng.uniform(20, 25, count),
            "SNR": rng.uniform(5, 50, count),
            "MEASURE_FLAG": np.zeros(count, int),
        }
    )
    for name in naming_page.QUANTITIES:
        if name not in members.colnames:
            members[name] = group + 1.0
    members["MAG"][3] = np.nan
    return members


def entries(**more):
    suggested = ("SPH", "ETD", "LTD", "UNC")
    groups = {
        n: {"class": c, "reason": HOSTILE, "suggested": c, "because": HOSTILE, "galaxies": SIZE}
        for n, c in enumerate(suggested)
    }
    return {
        "origin": "suggestion", "voters": "v1", "regrouped": "v1", "pca": "p1", "fitted": GROUPS,
        "centres": CENTRES, "groups": groups,
    } | more  # fmt: skip


def build(path, names=None, field="field & <b>", marked=()):
    members = table()
    chosen = naming_page.choose_members(members, np.arange(len(members), dtype=float), GROUPS)
    rng = np.random.default_rng(1)
    stamps = [
        {row: rng.normal(size=(SIDE, SIDE)).astype(np.float32) for row in range(len(members))}
        for _ in range(2)
    ]
    rms = {row: np.ones((SIDE, SIDE), np.float32) for row in range(len(members))}
    names = (names or entries()) | {"regrouped": str(path.parent)}
    data = naming_page.page_data(field, members, chosen, names, marked)
    sprites = {n: naming_page.draw_sprite(rows, *stamps, rms) for n, rows in chosen.items()}
    path.write_text(naming_page.render_naming_page(*FILES, data, sprites), encoding="utf-8")
    return data


def test_members_of_each_kind():
    members = table()
    chosen = naming_page.choose_members(members, np.zeros(len(members)), GROUPS + 1)
    typical, random, doubtful = chosen[1]
    share = np.asarray(members["VOTE_FRACTION"])
    assert (np.diff(share[typical]) <= 0).all()
    assert share[typical].min() > share[doubtful].max()
    assert (np.asarray(members["GROUP"])[chosen[1]] == 1).all()
    assert len(set(random)) == naming_page.SHOWN
    again = naming_page.choose_members(members, np.zeros(len(members)), GROUPS)[1]
    np.testing.assert_array_equal(again, chosen[1])
    assert (chosen[GROUPS] == -1).all()


def test_numbers_of_groups_and_sample(tmp_path):
    data = build(tmp_path / "page.html")
    group = data["groups"][2]
    assert (group["galaxies"], group["suggested"], group["class"]) == (SIZE, "LTD", None)
    assert not group["weak"]
    weak = entries()
    weak["groups"][2]["purity"] = 0.3
    assert build(tmp_path / "page.html", weak)["groups"][2]["weak"]
    assert group["medians"]["SERSIC_N"] == [3, 3, 3]
    assert group["vote"] == pytest.approx(0.65)
    quantities = {quantity["key"]: quantity for quantity in data["quantities"]}
    assert quantities["SERSIC_N"]["sample"] == [1, 1, 2.5, 4, 4]
    assert data["groups"][0]["members"][0][3]["mag"] is None
    assert json.loads(json.dumps(data, allow_nan=False)) == data


@pytest.mark.parametrize(("side", "drawn"), [(24, 24), (100, 96), (51, 48), (200, 96), (5, 8)])
def test_pictures_of_any_size_have_their_places(side, drawn):
    rows = np.full((3, naming_page.SHOWN), -1)
    rows[1, 2] = 7
    data, clean = (np.zeros((side, side), np.float32) for _ in range(2))
    data[:, : side // 2] = 100
    clean[side // 2 :] = 100
    sprite = naming_page.draw_sprite(rows, {7: data}, {7: clean}, {7: np.ones((side, side))})
    sheet = Image.open(io.BytesIO(base64.b64decode(sprite.split(",")[1])))
    assert sheet.size == (naming_page.SHOWN * drawn, 6 * drawn)
    grey = np.asarray(sheet)
    tiles = grey.reshape(6, drawn, naming_page.SHOWN, drawn).swapaxes(1, 2)
    white = np.ones((6, naming_page.SHOWN), bool)
    white[[2, 3], 2] = False
    assert (tiles[white] > 250).all()
    quarter = drawn // 4
    # Bright is dark; the upper half of an image is the upper half of the picture.
    assert tiles[2, 2, :, quarter].mean() < 20 < 200 < tiles[2, 2, :, -quarter].mean()
    assert tiles[3, 2, quarter].mean() < 20 < 200 < tiles[3, 2, -quarter].mean()


def test_class_is_chosen_only_where_a_person_chose_it(tmp_path):
    names = entries(origin="file", classes={"BAR": "barred"}, who="Ada")
    names["groups"][0] |= {"class": "BAR"}
    names["groups"][1] |= {"class": "UNC", "reason": group_names.NOT_NAMED}
    names["groups"][2] |= {"class": "BAR", "merge": 0}
    names["groups"][3] |= {"class": "UNC", "reason": group_names.NO_MATCH}
    data = build(tmp_path / "page.html", names)
    assert [group["class"] for group in data["groups"]] == ["BAR", None, None, None]
    assert [group["merge"] for group in data["groups"]] == [None, None, 0, None]
    assert [group["unmatched"] for group in data["groups"]] == [False, False, False, True]
    assert data["classes"][-1] == {
        "name": "BAR",
        "meaning": "barred",
        "colour": "#CC79A7",
        "own": True,
    }


def marked_groups():
    rows = [
        {"group": 2, "quantity": "size", "galaxies": SIZE, "auc": 0.97, "low": 0.9, "high": 0.99},
        {"group": 1, "quantity": "snr", "galaxies": SIZE, "auc": 0.7, "low": 0.6, "high": 0.8},
    ]
    rows = [row | {"marked": row["group"] == 2} for row in rows]
    return summarise_audit(rows, [])["marked"]


def test_group_told_by_one_quantity_is_marked(tmp_path):
    data = build(tmp_path / "page.html", marked=marked_groups())
    assert [len(group["alone"]) for group in data["groups"]] == [0, 0, 1, 0]
    assert "AUC 0.97" in data["groups"][2]["alone"][0]


def test_page_is_alone_and_runs_no_script_but_its_own(tmp_path):
    build(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.count("<script") == 2
    assert "alert(1)</script>" not in page
    assert "default-src 'none'" in page
    assert "unsafe-eval" not in page
    data = page.split('id="data">')[1].split("</script>")[0]
    assert "<" not in data
    rest = page.replace(data, "")
    assert not re.search(r"(src|href)=|https?://(?!www\.w3\.org/2000/svg)|@import", rest)
    code = "\n".join(path.read_text(encoding="utf-8") for path in FILES[2])
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert word not in code


def test_bad_measurements_are_left_out(tmp_path):
    from morphovote.flags import BAD, SERSIC_SUSPECT

    columns = {name.upper(): np.full(3, 2.0) for name in naming_page.MEASURED}
    rest = {"ID": ["a", "b", "c"], "GROUP": [0, 0, 0], "GROUP_SECOND": [1, 1, 1],
            "VOTE_FRACTION": [1.0, 1, 1], "KEPT": [True] * 3, "SNR": [9.0, 9, 9],
            "MEASURE_FLAG": [0, BAD, SERSIC_SUSPECT]}  # fmt: skip
    Table(rest | columns).write(tmp_path / "catalogue.fits")
    Table({"MAG": [21.0, 22, 23]}).write(tmp_path / "sources.fits")
    found = naming_page.read_members(tmp_path / "catalogue.fits", tmp_path / "sources.fits")
    np.testing.assert_array_equal(np.isnan(found["SERSIC_N"]), [False, False, True])
    np.testing.assert_array_equal(np.isnan(found["GINI"]), [False, True, False])


needs_browser = pytest.mark.skipif(not CHROMIUM, reason=WITHOUT)


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    with Browser(tmp_path_factory.mktemp("browser")) as one:
        yield one


@pytest.fixture
def browser(chromium, tmp_path):
    """The browser; a page built in `tmp_path` finds nothing that another test left."""
    chromium.save_to(tmp_path / "downloads")
    chromium.events.clear()
    return chromium


@needs_browser
class TestInABrowser:
    def test_hostile_text_is_only_text(self, browser, tmp_path):
        build(tmp_path / "page.html", entries(who=HOSTILE, classes={"BAR": HOSTILE}))
        browser.run("window.name = 'quiet'")
        browser.open(tmp_path / "page.html")
        assert browser.run("document.querySelector('h1').textContent").startswith("field & <b>")
        assert (
            browser.run("document.querySelectorAll('main img, main script, main b b').length") == 0
        )
        label = browser.run("document.querySelector('figure').getAttribute('aria-label')")
        assert "<script>alert(1)</script>" in label
        assert "onerror" in browser.run("document.querySelector('.why').textContent")
        assert browser.requests() == [(tmp_path / "page.html").as_uri()]

    def test_mark_of_a_group_told_by_one_quantity_is_seen(self, browser, tmp_path):
        build(tmp_path / "page.html", marked=marked_groups())
        browser.open(tmp_path / "page.html")
        marks = "[...document.querySelectorAll('nav .mark')].map((one) => one.textContent)"
        assert browser.run(marks) == ["", "", "!", ""]
        assert browser.run("document.querySelector('.notice')") is None
        browser.press("j", "j")
        assert "AUC 0.97" in browser.run("document.querySelector('.notice').textContent")

    def test_name_with_keys_save_and_open_again(self, browser, tmp_path):
        build(tmp_path / "page.html")
        browser.open(tmp_path / "page.html")
        browser.press("4", "j", "Enter", "3", "k", "k", "j", "n")
        browser.send("Input.insertText", text='bars: "two" # \\ <i> é 🏜')
        browser.press("Escape", "j", "j")
        browser.choose("#join", "2")
        browser.write("#who", "Ada L.")
        browser.press("Escape")
        assert browser.run("document.querySelector('#count').textContent") == "4 of 4 decided"
        browser.click("#save")
        path = browser.downloaded()
        assert path.name == "names_field_b_Ada_L.yaml"
        assert "\n" not in path.read_text().split("note: ")[1].split("}")[0]
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", raw["when"])
        found = group_names.read_given_names(path)
        group_names.check_numbers(path, found, GROUPS)
        assert (found["voters"], found["pca"], found["who"]) == ("v1", "p1", "Ada L.")
        assert found["centres"] == CENTRES
        assert found["groups"] == {
            0: {"class": "IRR", "galaxies": SIZE},
            1: {"class": "ETD", "note": 'bars: "two" # \\ <i> é 🏜', "galaxies": SIZE},
            2: {"class": "LTD", "galaxies": SIZE},
            3: {"merge": 2, "galaxies": SIZE},
        }
        # A fresh browser gets the same from the file, and saves the same again.
        with Browser(tmp_path / "other") as second:
            second.open(tmp_path / "page.html")
            second.give_file("#file", path)
            second.until(
                lambda: second.run("document.querySelector('#count').textContent")[0] == "4"
            )
            second.click("#save")
            again = group_names.read_given_names(second.downloaded())
        assert again | {"when": None} == found | {"when": None}

    def test_work_is_kept_and_undone(self, browser, tmp_path):
        build(tmp_path / "page.html")
        browser.open(tmp_path / "page.html")
        browser.press("1", "j", "2")
        browser.open(tmp_path / "page.html")
        pressed = (
            "[...document.querySelectorAll('nav .chip:not(.maybe)')].map((c) => c.textContent)"
        )
        assert browser.run(pressed) == ["SPH", "ETD"]
        browser.press("j", "3", "u")
        assert browser.run(pressed) == ["SPH", "ETD"]
        browser.press("k", "0")
        assert browser.run(pressed) == ["ETD"]

    def test_split_own_class_and_marks_that_contradict(self, browser, tmp_path):
        build(tmp_path / "page.html")
        browser.open(tmp_path / "page.html")
        browser.choose("#join", "1")
        browser.press("j")
        # Group 1 cannot join the group that joined it.
        assert browser.run("[...document.querySelector('#join').options].map((o) => o.value)") == [
            "", "2", "3"]  # fmt: skip
        browser.choose("#split", "2")
        browser.press("j")
        browser.write("#own", "BAR")
        browser.write("#meaning", "barred: yes")
        browser.click(".own button")
        browser.press("j")
        assert browser.run("document.querySelector('#split option[value=\"3\"]').disabled")
        browser.click("#save")
        found = group_names.read_given_names(browser.downloaded())
        group_names.check_numbers("names", found, GROUPS)
        # Nothing is joined to a group that is split.
        assert found["groups"] == {
            1: {"split": [4, 5], "galaxies": SIZE},
            2: {"class": "BAR", "galaxies": SIZE},
        }
        assert found["classes"] == {"BAR": "barred: yes"}

    def test_what_the_workflow_writes_can_be_opened(self, browser, tmp_path):
        build(tmp_path / "page.html")
        names = entries(version=1, who="Ada: #1", origin="file")
        names["groups"][0] |= {"class": "IRR", "note": 'it\'s "odd": {a} [b], # c'}
        names["groups"][1] |= {"class": "UNC", "reason": group_names.NOT_NAMED}
        names["groups"][2] |= {"merge": 0, "medians": {"snr": 3.5}}
        names["groups"][3] |= {"split": [4, 5]}
        write_yaml(tmp_path / "names.yaml", names)
        browser.open(tmp_path / "page.html")
        browser.give_file("#file", tmp_path / "names.yaml")
        browser.until(lambda: browser.run("document.querySelector('#who').value") == "Ada: #1")
        browser.click("#save")
        found = group_names.read_given_names(browser.downloaded())
        assert {
            n: {k: v for k, v in e.items() if k != "galaxies"} for n, e in found["groups"].items()
        } == {
            0: {"class": "IRR", "note": 'it\'s "odd": {a} [b], # c'},
            2: {"merge": 0},
            3: {"split": [4, 5]},
        }

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("voters: v2\ngroups: {0: SPH}", "made for vote v2"),
            ("groups: {9: SPH}", "no group 9"),
            ("groups: {0: DISC}", "class DISC of group 0"),
            ("groups:\n  0: SPH\n    1: LTD", "line 3"),
            ("groups: [1, 2]", "no table of groups"),
            ("version: 7\ngroups: {}", "version 7"),
            ("\x00\x01 nothing", "line 1"),
        ],
    )
    def test_wrong_files_are_refused_with_a_sentence(self, browser, tmp_path, text, says):
        build(tmp_path / "page.html")
        (tmp_path / "mine.yaml").write_text(text)
        browser.open(tmp_path / "page.html")
        browser.press("1")
        browser.give_file("#file", tmp_path / "mine.yaml")
        browser.until(lambda: browser.run("document.querySelector('#status').className") == "bad")
        assert says in browser.run("document.querySelector('#status').textContent")
        assert browser.run("document.querySelector('#count').textContent") == "1 of 4 decided"

    @pytest.mark.parametrize("width", [1280, 1440])
    def test_nothing_sticks_out(self, browser, tmp_path, width):
        build(tmp_path / "page.html")
        metrics = {"width": width, "height": 720, "deviceScaleFactor": 1, "mobile": False}
        browser.send("Emulation.setDeviceMetricsOverride", **metrics)
        browser.open(tmp_path / "page.html")
        for part in ("body", "header", "main", "aside", "nav"):
            element = f"document.querySelector('{part}')"
            assert browser.run(f"{element}.scrollWidth - {element}.clientWidth") <= 0, part
        last = "Math.round(document.querySelector('main').lastChild.getBoundingClientRect().bottom)"
        assert browser.run(last) <= 720
        browser.send("Emulation.clearDeviceMetricsOverride")
