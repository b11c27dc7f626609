"""The explore page in a browser: look, choose, save, label, and talk to other programs."""

import csv
import io
import json
import re
import socket
import threading
from urllib.request import urlopen

import explore_field
import numpy as np
import pytest
from astropy.table import Table
from browser import CHROMIUM, WITHOUT, Browser
from explore_field import FILES, PAGES, build_page, write_field

from morphovote.report import atlas
from morphovote.storage import shards

pytestmark = pytest.mark.skipif(not CHROMIUM, reason=WITHOUT)
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)> \u2028 ]]> <!--"
COUNT = 60


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = write_field(tmp_path_factory.mktemp("made"))
    build_page(folder)
    return folder / "explore.html"


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    with Browser(tmp_path_factory.mktemp("browser")) as one:
        yield one


@pytest.fixture
def browser(chromium, page, tmp_path):
    """The browser with the page open, as on a first visit."""
    chromium.save_to(tmp_path / "downloads")
    chromium.events.clear()
    chromium.open(page)
    chromium.run("localStorage.clear()")
    chromium.open(page)
    return chromium


def button(browser, text, within="body"):
    """Click the button with a text."""
    browser.run(
        f"[...document.querySelectorAll('{within} button')]"
        f".find((one) => one.textContent.trim() === {json.dumps(text)}).click()"
    )


def chosen(browser):
    return set(browser.run("where(selected).map((i) => ids[i])"))


def test_page_is_alone_and_sets_text_only(browser, page):
    text = page.read_text(encoding="utf-8")
    assert "default-src 'none'" in text
    code = "\n".join(path.read_text(encoding="utf-8") for path in FILES[2])
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert word not in code
    assert not re.search(r"\bsrc=|@import", text.split("</style>")[0])
    browser.press("r", "p", "l", "m")
    assert browser.requests() == [page.as_uri()] * 2


@pytest.mark.parametrize("count", [0, 1, 3])
def test_field_with_few_galaxies_can_be_looked_at(chromium, tmp_path, count):
    folder = write_field(tmp_path / "few", count)
    build_page(folder, index=np.zeros(0, int))
    chromium.events.clear()
    chromium.open(folder / "explore.html")
    chromium.press("r", "g", "l", "1", "m", "n", "s", "h")
    chromium.choose("#colour", "SNR")
    chromium.choose("#axis-x", "GINI")
    assert chromium.requests() == [(folder / "explore.html").as_uri()]


def test_focus_and_scroll_stay_while_filtering(browser):
    browser.run("document.querySelector('nav').scrollTop = 40")
    top = browser.run("document.querySelector('nav').scrollTop")
    browser.run("document.querySelector('#class-2').focus()")
    browser.press(" ")
    assert browser.run("document.activeElement.id") == "class-2"
    assert browser.run("document.querySelector('nav').scrollTop") == top
    number = np.arange(COUNT)
    assert browser.run("filters.count") == (number % 5 != 2).sum()


def test_hostile_text_is_only_text(chromium, tmp_path):
    ids = [HOSTILE, '" onmouseover="alert(1)', "{{ 7 * 7 }}", "=cmd|' /C calc'!A0", 'a,b\n"c"']
    folder = write_field(tmp_path / "hostile", len(ids), ids)
    build_page(folder, field=HOSTILE)
    chromium.save_to(tmp_path / "downloads")
    chromium.events.clear()
    chromium.open(folder / "explore.html")
    for i in range(len(ids)):
        chromium.run(f"go({i})")
    chromium.press("p", "l")
    chromium.run("giveLabel('SPH'); saveCsv(); saveVotable(); 0")
    assert (
        chromium.run("document.querySelectorAll('img, iframe, [onmouseover], [onerror]').length")
        == 0
    )
    assert HOSTILE in chromium.run("document.querySelector('h1').textContent")
    assert chromium.requests() == [(folder / "explore.html").as_uri()]
    table = Table.read(chromium.downloaded(".vot"))
    assert set(map(str, table["ID"])) >= {ids[2], ids[3], ids[1]}
    with open(chromium.downloaded(".csv"), newline="") as file:
        first = [row[0] for row in csv.reader(file)]
    # A spreadsheet takes no text for a formula.
    assert set(first) == {"ID", *ids[:3], "'" + ids[3], ids[4]}


def test_kept_galaxies_of_a_class_beyond_a_redshift_as_a_file(browser):
    button(browser, "none", "nav")
    browser.click("#class-3")  # IRR
    browser.click("#kept")
    browser.write("[aria-label='min REDSHIFT']", "0.8")
    browser.press("Enter")
    browser.run("document.activeElement.blur()")
    button(browser, "CSV", "nav")
    with open(browser.downloaded(".csv"), newline="") as file:
        rows = list(csv.DictReader(file))
    number, redshift = np.arange(COUNT), np.linspace(0, 1.2, COUNT)
    wanted = (number % 5 == 3) & (number % 2 == 0) & (redshift >= 0.8)
    assert [row["ID"] for row in rows] == [f"g{i:04d}" for i in np.flatnonzero(wanted)]
    assert {row["CLASS"] for row in rows} == {"IRR"}
    i = int(rows[0]["ID"][1:])
    assert (rows[0]["BIG"], float(rows[0]["RA"])) == (str(i + 2**60), 150 + i * 0.001)


def test_saved_votable_is_the_catalogue(browser, page):
    button(browser, "VOTable", "nav")
    found = Table.read(browser.downloaded(".vot"))
    whole = Table.read(page.parent / "catalogue.vot")
    assert found.colnames == whole.colnames
    for name in ("RA", "Z", "SNR", "GROUP", "KEPT"):
        np.testing.assert_array_equal(np.asarray(found[name]), np.asarray(whole[name]), name)
    assert found["CLASS"].tolist() == whole["CLASS"].tolist()
    assert str(found["RA"].unit) == "deg"


def test_lasso_keeps_its_galaxies_while_zooming(browser):
    spots = browser.run(
        "(() => { const t = transform(), b = canvas.getBoundingClientRect(); return [0, 1, 2].map("
        "(i) => [b.left + t.x0 + px[i] * t.kx, b.top + t.y0 + py[i] * t.ky]); })()"
    )
    (x, y), *_ = spots
    browser.press("a")
    browser.drag((x - 9, y - 9), (x + 9, y - 9), (x + 9, y + 9), (x - 9, y + 9), (x - 9, y - 8))
    first = chosen(browser)
    assert browser.run("ids[0]") in first
    assert len(first) < COUNT
    browser.run("zoomBy(8, 100, 100)")
    browser.press("h", "v")
    assert chosen(browser) == first
    browser.press("x")
    left, top, right, bottom = browser.run(
        "(() => { const b = canvas.getBoundingClientRect(); "
        "return [b.left, b.top, b.right, b.bottom]; })()"
    )
    browser.drag((left + 3, top + 60), (left + 50, top + 90), (right - 3, bottom - 3))
    assert len(chosen(browser)) > len(first)
    button(browser, "Undo", "nav")
    assert chosen(browser) == first


def test_click_picks_the_nearest_point(browser):
    for i in (3, 17):
        x, y = browser.run(
            f"(() => {{ const t = transform(), b = canvas.getBoundingClientRect(); "
            f"return [b.left + t.x0 + px[{i}] * t.kx, b.top + t.y0 + py[{i}] * t.ky]; }})()"
        )
        browser.drag((x, y), (x, y))
        assert browser.run("panel.current") == i
        assert browser.run("document.querySelector('aside h2').textContent") == browser.run(
            f"ids[{i}]"
        )


def test_colour_axes_and_search(browser):
    browser.choose("#colour", "SNR")
    assert "SNR" in browser.run("document.querySelector('.legend').textContent")
    browser.choose("#axis-x", "GINI")
    browser.choose("#axis-y", "M20")
    value = browser.run(
        "(() => { const [a, b] = plot.range.x; "
        "return a + px[4] * (b - a) - column('GINI').values[4]; })()"
    )
    assert abs(value) < 1e-6
    browser.press("/")
    browser.send("Input.insertText", text="g0042")
    browser.press("Enter")
    assert browser.run("document.querySelector('aside h2').textContent") == "g0042"
    browser.press("/")
    browser.send("Input.insertText", text=" nothing")
    browser.press("Enter")
    assert "No galaxy" in browser.run("document.querySelector('#status').textContent")


def test_walk_to_neighbours_and_back(browser):
    browser.run("go(5)")
    near = browser.run(
        "[...document.querySelectorAll('aside .near button')].map((b) => Number(b.dataset.galaxy))"
    )
    assert len(near) == 24
    assert near == browser.run("similarTo(5).map(([j]) => j)")
    browser.click("aside .near button")
    assert browser.run("panel.current") == near[0]
    browser.press("b")
    assert browser.run("panel.current") == 5


def read_csv(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_similar_galaxies_are_saved_with_rank_and_distance(browser):
    browser.run("go(5)")
    far = browser.run("similarTo(5).map(([j, far]) => [ids[j], far])")
    button(browser, "CSV", "aside .similar")
    path = browser.downloaded(".csv")
    assert path.name == "made_similar_to_" + browser.run("ids[5]") + ".csv"
    rows = read_csv(path)
    assert list(rows[0])[:4] == ["ID", "RANK", "DISTANCE", "RA"]
    assert [row["RANK"] for row in rows] == [str(rank) for rank in range(25)]
    assert [row["ID"] for row in rows] == [browser.run("ids[5]"), *(name for name, _ in far)]
    distance = np.array([float(row["DISTANCE"]) for row in rows])
    np.testing.assert_allclose(distance, [0, *(away for _, away in far)], rtol=1e-6)
    path.unlink()
    # So is a selection of them, whatever the button, while it has no others.
    button(browser, "Select all", "aside .similar")
    browser.run(f"toggle(placeOf.get({json.dumps(far[3][0])}))")
    button(browser, "CSV", "nav")
    path = browser.downloaded(".csv")
    assert [row["RANK"] for row in read_csv(path)] == [str(k) for k in range(1, 25) if k != 4]
    path.unlink()
    votable = Table.read(io.BytesIO(browser.run("toVotable([5], 5)").encode()), format="votable")
    assert (votable["RANK"][0], votable["DISTANCE"][0]) == (0, 0)
    stranger = browser.run(
        "ids.findIndex((id, i) => i !== 5 && !similarTo(5).some(([j]) => j === i))"
    )
    browser.run(f"toggle({stranger}); saveCsv()")
    path = browser.downloaded(".csv")
    assert "DISTANCE" not in read_csv(path)[0]
    assert len(read_csv(path)) == 24


def test_pictures_of_similar_galaxies_are_selected_and_saved(browser):
    browser.run("go(5)")
    button(browser, "Larger", "aside")
    button(browser, "Select these", "#pictures")
    browser.run("saveCsv()")
    chosen = read_csv(browser.downloaded(".csv"))
    browser.downloaded(".csv").unlink()
    button(browser, "CSV", "#pictures")
    assert read_csv(browser.downloaded(".csv")) == chosen
    assert len(chosen) == 25
    browser.run("undoChoice(); choose(where(visible)); saveVotable()")
    assert "RANK" not in Table.read(browser.downloaded(".vot"), format="votable").colnames
    browser.run("filters.kept = true; applyFilters()")
    assert browser.run("gallery.kind") == "shown"


def test_panel_and_labels_have_a_zoom_each(browser):
    wide = "document.querySelector('{} .trio canvas').style.width"
    browser.run("go(5)")
    browser.press("z", "z")
    assert browser.run(wide.format("aside")) == "400%"
    browser.press("l")
    assert browser.run(wide.format("#label")) == "100%"
    browser.press("z", "1")
    assert browser.run(wide.format("#label")) == "200%"
    browser.press("m", "i")
    assert browser.run(wide.format("aside")) == "400%"


def test_panel_shows_pictures_in_noise_units_and_flags(browser):
    browser.run("go(placeOf.get('g0007'))")
    browser.until(lambda: browser.run("Boolean(pixelsOf(panel.current))"))
    middle = browser.run(
        "(() => { const p = pixelsOf(panel.current), middle = 12 * SIDE + 12; "
        "return [p.data[middle], p.clean[middle], p.clean[2]]; })()"
    )
    assert middle[0] == pytest.approx(20, abs=4)
    assert middle[1] == pytest.approx(20, abs=3)
    assert abs(middle[2]) < 1
    assert "edge" in browser.run("document.querySelector('aside .flags').textContent")
    # An arc that the cutout hides as a neighbour; row 0 of the picture is on top.
    arc = "(() => { const p = pixelsOf(placeOf.get('g0059')), at = (SIDE - 4) * SIDE + 12; "
    browser.until(lambda: browser.run("Boolean(pixelsOf(placeOf.get('g0059')))"))
    assert browser.run(arc + "return p.data[at] - p.clean[at]; })()") == pytest.approx(15, abs=5)
    assert "150.007000 2.000000" in browser.run(
        "document.querySelector('aside .where').textContent"
    )
    grey = (
        "document.querySelector('.trio canvas').getContext('2d').getImageData(12, 12, 1, 1).data[0]"
    )
    shade = browser.run(grey)
    browser.press("i")
    turned = browser.run(grey)
    assert abs(shade + turned - 255) <= 1


def test_strangest_are_those_without_artefacts_in_order(browser):
    browser.press("g")
    shown = browser.run("gallery.list.map((i) => ids[i])")
    number = np.arange(COUNT)
    real = (number % 5 != 4) & (number % 7 != 0)
    # Isolation rises with the row.
    wanted = [f"g{i:04d}" for i in np.flatnonzero(real)[::-1]]
    assert shown == wanted


def test_how_many_artefacts_are_left_out_is_said(browser):
    number = np.arange(COUNT)
    lost = np.count_nonzero((number % 7 == 0) | (number % 5 == 4))
    said = f"{lost} likely artefacts left out"
    browser.press("g")
    assert f"60 of 60 shown · 0 selected · {said} here" in browser.run("$('#count').textContent")
    assert f"{COUNT - lost} galaxies, {said}" in browser.run("$('#pictures').textContent")
    browser.run("$('#skip').click()")
    assert "artefacts left out" not in browser.run("$('#count').textContent")
    browser.run("$('#skip').click()")
    browser.press("m")
    assert "artefacts" not in browser.run("$('#count').textContent")


def test_a_hint_says_when_pictures_appear_on_the_map(chromium, tmp_path):
    folder = write_field(tmp_path / "many", 300)
    build_page(folder)
    chromium.open(folder / "explore.html")
    hidden = "draw(), $('#few').hidden"
    assert chromium.run(hidden) is False
    assert chromium.run(f"plot.pictures = false, {hidden}") is True
    assert chromium.run(f"plot.pictures = true, plot.k = 40, {hidden}") is True


def test_what_is_saved_and_what_is_hidden_is_said(browser):
    subject = "document.querySelector('nav .subject').textContent"
    save = "document.querySelector('nav .saves').disabled"
    browser.write("nav input[aria-label='min SNR']", "1e6")
    assert (browser.run(subject), browser.run(save)) == ("all 0 shown", True)
    browser.press("Escape")
    browser.run("filters.ranges[0].low = 30; applyFilters()")
    shown = browser.run("filters.count")
    assert (browser.run(subject), browser.run(save)) == (f"all {shown} shown", False)
    browser.press("g")
    assert f"of {shown} shown" in browser.run("document.querySelector('#pictures').textContent")
    browser.click("#pictures .bar button[title*='filters']")
    assert browser.run("filters.count") == COUNT
    browser.run("choose([3, 4])")
    assert browser.run(subject) == "2 selected"
    browser.run("saveCsv()")
    said = browser.run("document.querySelector('#status').textContent")
    assert said.startswith("Saved the 2 selected galaxies as made_selected.csv")


def test_pasted_ids_and_a_box(browser):
    browser.run("document.querySelector('nav .selection details').open = true")
    browser.run("document.querySelector('nav textarea').value = 'g0001\\ng0002, g0003 nothing'")
    button(browser, "Select them", "nav")
    assert chosen(browser) == {"g0001", "g0002", "g0003"}
    assert "nothing" in browser.run("document.querySelector('#status').textContent")
    button(browser, "Look at", "nav")
    assert browser.run("gallery.list.length") == 3


def test_ten_labels_undo_skip_and_a_second_visit(browser, page):
    browser.press("l")
    browser.write("#who", "Ada")
    browser.run("document.activeElement.blur()")
    first = browser.run("ids[nextToLabel()[0]]")
    browser.press("1", "2", "3", " ", "0", "u", "0", "4", "5", "1", "1", "1", "2")
    assert browser.run("labels.given.length") == 10
    browser.open(page)
    browser.press("l")
    assert browser.run("labels.given.length") == 10
    assert browser.run("document.querySelector('#who').value") == "Ada"
    button(browser, "Save labels.csv", "#label")
    table = Table.read(browser.downloaded(".csv"), format="ascii.csv")
    assert table.colnames == ["ID", "CLASS", "WHO", "WHEN", "RANDOM"]
    assert table["CLASS"].tolist() == [
        "SPH", "ETD", "LTD", "cannot tell", "IRR", "UNC", "SPH", "SPH", "SPH", "ETD"]  # fmt: skip
    assert (table["ID"][0], set(table["WHO"]), set(table["RANDOM"])) == (first, {"Ada"}, {"True"})
    assert len(set(table["ID"])) == 10


def test_labels_without_a_name_are_saved_at_the_second_try(browser):
    browser.press("l", "1")
    button(browser, "Save labels.csv", "#label")
    assert "enter your name" in browser.run("document.querySelector('#status').textContent")
    button(browser, "Save labels.csv", "#label")
    assert browser.downloaded(".csv").name == "labels_made.csv"


def test_two_files_of_labels_are_compared(browser, tmp_path):
    browser.press("l")
    browser.write("#who", "Ada")
    browser.run("document.activeElement.blur()")
    browser.press("1", "1", "2")
    done = browser.run("labels.given.map((one) => ids[one.i])")
    other = tmp_path / "other.csv"
    other.write_text("ID,CLASS,WHO\n" + "".join(f"{name},SPH,Bo\n" for name in [*done, "none"]))
    browser.give_file("#labelfile", other)
    browser.until(lambda: browser.run("Boolean(document.querySelector('.compare'))"))
    text = browser.run("document.querySelector('.compare').textContent")
    assert "Bo" in text
    assert "2 of 3" in text
    (tmp_path / "bad.csv").write_text("A,B\n1,2\n")
    browser.give_file("#labelfile", tmp_path / "bad.csv")
    browser.until(lambda: browser.run("document.querySelector('#status').className") == "bad")
    assert "ID and CLASS" in browser.run("document.querySelector('#status').textContent")


@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080)])
def test_nothing_sticks_out(browser, size):
    wide, high = size
    metrics = {"width": wide, "height": high, "deviceScaleFactor": 1, "mobile": False}
    browser.send("Emulation.setDeviceMetricsOverride", **metrics)
    browser.run("go(3)")
    parts = ("body", "header", "h1", "#count", "nav", "aside", "#axes", "#pictures", "#label")
    for key in "mpgl":
        browser.press(key)
        for part in parts:
            element = f"document.querySelector('{part}')"
            assert browser.run(f"{element}.scrollWidth - {element}.clientWidth") <= 0, (key, part)
        count = "document.querySelector('#count')"
        assert browser.run(f"{count}.scrollHeight - {count}.clientHeight") <= 1, key
    browser.send("Emulation.clearDeviceMetricsOverride")


def test_very_many_galaxies_have_their_pictures_in_a_folder(chromium, tmp_path, monkeypatch):
    monkeypatch.setattr(atlas, "LARGEST_FILE", 100)
    folder = write_field(tmp_path, 150)
    near = shards.read_shard(folder / "neighbours.h5")
    near["candidate"][40:] = 0
    shards.write_shard(folder / "neighbours.h5", near)
    # Few points count as many.
    code = (PAGES / "explore/map.js").read_text()
    (tmp_path / "map.js").write_text(code.replace("const MOST = 20000", "const MOST = 100"))
    scripts = [tmp_path / "map.js" if path.name == "map.js" else path for path in FILES[2]]
    monkeypatch.setattr(explore_field, "FILES", (*FILES[:2], scripts))
    build_page(folder)
    chromium.events.clear()
    chromium.open(folder / "explore.html")
    drawn = "draw(); where(visible).filter(isDrawn).map((i) => rowOf[i])"
    assert set(chromium.run(drawn)) == set(range(40))
    assert "40 of 150" in chromium.run("document.querySelector('.thinned').textContent")
    # Each is found by its ID, with its pictures, and drawn when selected or when few are shown.
    chromium.run("search('g0149'); choose([panel.current])")
    chromium.until(lambda: chromium.run("Boolean(pixelsOf(panel.current))"))
    assert set(chromium.run(drawn)) == {*range(40), 149}
    chromium.run("filters.classes = new Set(['IRR']); applyFilters()")
    assert len(chromium.run(drawn)) == 30
    pages = [(folder / name).as_uri() for name in ("explore.html", "explore/00001.js")]
    assert set(chromium.requests()) - {pages[1].replace("1.js", "0.js")} == set(pages)
    (folder / "explore").rename(folder / "away")
    chromium.open(folder / "explore.html")
    chromium.run("go(placeOf.get('g0149'))")
    text = "document.querySelector('#status').textContent"
    chromium.until(lambda: "the folder explore has to lie beside" in chromium.run(text))


def free_port_of_the_web_profile():
    """Whether no other hub runs here: the port is fixed by the standard."""
    with socket.socket() as one:
        return one.connect_ex(("localhost", 21012)) != 0


@pytest.mark.skipif(not free_port_of_the_web_profile(), reason="another SAMP hub runs here")
def test_samp_there_and_back(browser, tmp_path, monkeypatch):
    pytest.importorskip("astropy.samp")
    from astropy.samp import SAMPHubServer, SAMPIntegratedClient, conf
    from astropy.samp.hub import WebProfileDialog

    class Allow(WebProfileDialog):
        """A person who lets every page register."""

        def show_dialog(self, *request):
            self.consent()

        def watch(self):
            while not over.wait(0.05):
                self.handle_queue()

    monkeypatch.setenv("SAMP_HUB", f"std-lockurl:{(tmp_path / 'samp').as_uri()}")
    monkeypatch.setattr(conf, "use_internet", False)
    over, dialog = threading.Event(), Allow()
    hub = SAMPHubServer(
        web_profile=True,
        web_profile_dialog=dialog,
        lockfile=str(tmp_path / "samp"),
        addr="localhost",
    )
    hub.start()
    threading.Thread(target=dialog.watch, daemon=True).start()
    client, got = SAMPIntegratedClient(name="table program", addr="localhost"), {}
    try:
        client.connect()
        for kind in ("table.load.votable", "table.select.rowList"):
            client.bind_receive_notification(kind, lambda *a: got.__setitem__(a[3], a[4]))
        browser.run("choose([placeOf.get('g0005'), placeOf.get('g0002')])")
        browser.run("sendTable()")
        browser.until(lambda: "table.load.votable" in got)
        sent = got["table.load.votable"]
        with urlopen(sent["url"]) as answer:
            table = Table.read(io.BytesIO(answer.read()), format="votable")
        assert table["ID"].tolist() == ["g0002", "g0005"]
        browser.run("choose([placeOf.get('g0005')])")
        browser.run("sendRows()")
        browser.until(lambda: "table.select.rowList" in got)
        assert got["table.select.rowList"]["row-list"] == ["1"]
        rows = {"table-id": sent["table-id"], "row-list": ["0"]}
        client.notify_all({"samp.mtype": "table.select.rowList", "samp.params": rows})
        browser.until(lambda: chosen(browser) == {"g0002"})
        place = {"ra": "150.0331", "dec": "2.0001"}
        client.notify_all({"samp.mtype": "coord.pointAt.sky", "samp.params": place})
        browser.until(lambda: browser.run("ids[panel.current]") == "g0033")
        whole = {"url": "file:///x/catalogue.fits", "table-id": "t1", "row-list": ["7", "9"]}
        client.notify_all({"samp.mtype": "table.select.rowList", "samp.params": whole})
        browser.until(lambda: chosen(browser) == {"g0007", "g0009"})
    finally:
        client.disconnect()
        hub.stop()
        over.set()


def test_without_a_hub_the_page_says_so(browser):
    if not free_port_of_the_web_profile():
        pytest.skip("a SAMP hub runs here")
    browser.run("sendTable()")
    browser.until(lambda: browser.run("document.querySelector('#status').className") == "bad")
    assert "hub" in browser.run("document.querySelector('#status').textContent")
