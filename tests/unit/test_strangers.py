"""Strings from catalogues, headers and files of names: they appear as text and do nothing else."""

import csv
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from astropy.table import Table
from bad_input import catalogue, image, sky, start
from catalogue_input import source_list, stages
from explore_field import build_page, write_field
from paths import ROOT

from morphovote.catalogue import cds
from morphovote.catalogue.fits_file import write_fits
from morphovote.catalogue.join import build_catalogue
from morphovote.catalogue.parquet_file import write_parquet
from morphovote.catalogue.reading import read_columns
from morphovote.catalogue.votable_file import write_votable
from morphovote.fields.cutouts import make_cutouts
from morphovote.fields.sources import read_sources, write_sources
from morphovote.report import naming_page
from morphovote.report import page as report_page
from morphovote.storage import shards
from morphovote.storage.numbers import save_numbers

SCRIPT = "<script>alert(1)</script>"
IDS = {
    "script": SCRIPT,
    "attribute": "\" onmouseover='alert(1)' x=\"",
    "end of script": "</script><img src=x onerror=alert(1)>",
    "template": "{{ 7 * 7 }}{% raw %}",
    "path": "../../x",
    "absolute path": "/etc/passwd",
    "shell": "$(touch x)`touch x`; touch x | touch x && touch x",
    "formula": "=cmd|' /C calc'!A0",
    "mathtext": "$\\frac{1}{0$ \\input{x} $x",
    "format": "%s%n{0.__class__}",
    "long": "x" * 10_000,
    "line break": "a\nb\r\nc",
    "NUL": "a\0b",
    "emoji": "🌌 NGC 4565 👩🏽‍🚀",
    "other way": "\u202eabc\u2028",
    "bell": "a\x07\x1b[31mred",
    "empty": "",
}


class Page(HTMLParser):
    """The tags, the attributes and the texts of a page."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.texts, self.within = [], [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [key for key, _ in attrs]
        self.within = tag

    def handle_data(self, data):
        self.texts.append((self.within, data))


@pytest.mark.parametrize("kind", IDS)
def test_id_goes_through_every_file_as_text(tmp_path, kind, monkeypatch):
    """From source catalogue to catalogue; no unexpected file is created."""
    monkeypatch.chdir(tmp_path)
    name = IDS[kind]
    given = catalogue(tmp_path, sky(id=[name, "other"]), "cat.parquet")
    sources, tiles = start(images=image(tmp_path), catalogue=given)
    (tmp_path / "results").mkdir()
    write_sources(tmp_path / "results/sources.fits", sources, tiles)
    sources, tiles = read_sources(tmp_path / "results/sources.fits")
    shards.write_shard(tmp_path / "results/0.h5", make_cutouts(sources, tiles, 40))
    kept = shards.read_shard(tmp_path / "results/0.h5", ["id"])["id"].tolist()
    # FITS leaves blanks at a text's end away; some formats end it at its first NUL.
    assert kept[0] in (name.replace("\0", "\N{REPLACEMENT CHARACTER}").rstrip(" "), "a")
    assert kept[1] == "other"
    table = Table({"ID": np.array(kept), "CLASS": ["SPH", "LTD"]})
    for write, end in (
        (write_fits, "fits"),
        (write_parquet, "parquet"),
        (write_votable, "vot"),
    ):
        write(tmp_path / f"results/cat.{end}", table)
    save_numbers(table, tmp_path / "results/table.csv")
    found = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")}
    assert found == {"image.fits", "cat.parquet", "results"} | {
        f"results/{n}"
        for n in ("sources.fits", "0.h5", "cat.fits", "cat.parquet", "cat.vot", "table.csv")
    }


@pytest.mark.parametrize("kind", IDS)
def test_id_is_text_in_the_naming_page(kind):
    name = IDS[kind]
    count = 8
    members = Table({"ID": [name] * count, "GROUP": np.zeros(count, int)})
    for column in ("GROUP_SECOND", "VOTE_FRACTION", "KEPT", "MAG", "SNR", "MEASURE_FLAG",
                   *naming_page.QUANTITIES):  # fmt: skip
        members[column] = np.ones(count, int)
    chosen = naming_page.choose_members(members, np.zeros(count), 1)
    names = {"groups": {0: {"class": "SPH", "note": name, "reason": name, "because": name}},
             "who": name, "note": name}  # fmt: skip
    pages = ROOT / "workflow/report"
    files = [
        pages / "naming.html.j2",
        *([pages / f"{part}.{end}" for part in ("shared", "naming")] for end in ("css", "js")),
    ]
    plain = {"groups": {0: {"class": "SPH", "note": "", "reason": "", "because": ""}}}
    hostile, harmless = (
        Page(
            naming_page.render_naming_page(
                *files, naming_page.page_data("f", members, chosen, given), {}
            )
        )
        for given in (names, plain)
    )
    assert hostile.tags == harmless.tags
    assert hostile.attributes == harmless.attributes
    data = [text for _, text in hostile.texts if text.lstrip().startswith('{"field"')]
    assert len(data) == 1
    assert "<" not in data[0]
    assert json.loads(data[0])["groups"][0]["members"][0][0]["id"] == name


def test_ids_are_text_in_the_explore_page(tmp_path):
    # FITS and Parquet end a text at its first NUL, or leave it out.
    ids = [name for name in IDS.values() if "\0" not in name]
    harmless, hostile = (
        write_field(tmp_path / str(place), len(ids), names)
        for place, names in enumerate(([f"g{i}" for i in range(len(ids))], ids))
    )
    build_page(harmless, "field")
    data = build_page(hostile, SCRIPT)
    plain, strange = (
        Page((folder / "explore.html").read_text(encoding="utf-8"))
        for folder in (harmless, hostile)
    )
    assert strange.tags == plain.tags
    assert strange.attributes == plain.attributes
    assert sorted(data["ids"]) == sorted(ids)
    found = [text for _, text in strange.texts if text.lstrip().startswith('{"field"')]
    assert len(found) == 1
    assert not set("<>&") & set(found[0])
    assert json.loads(found[0])["ids"] == data["ids"]


@pytest.mark.parametrize("kind", IDS)
def test_any_text_is_text_in_a_caption(tmp_path, kind):
    """What reaches the report goes through Jinja's escaping, whose template marks nothing safe."""
    template = (ROOT / "workflow/report/report.html.j2").read_text()
    assert not re.search(r"\|\s*safe\b|autoescape\s+false", template)
    page = tmp_path / "page.j2"
    page.write_text("<p>{{ summary.field }}</p>")
    summary = {"field": IDS[kind], "not_drawn": {"figures": []}, "confounders": {"marked": []}}
    environment = report_page.Environment(autoescape=True)
    found = Page(environment.from_string(page.read_text()).render(summary=summary))
    assert found.tags == ["p"]
    assert found.attributes == []


@pytest.mark.parametrize("text", ["=1+1", "+cmd", "-cmd", "@SUM(A1)", "\t=1", "\r=1"])
def test_formula_gets_an_apostrophe_in_tables_of_figures(tmp_path, text):
    path = tmp_path / "table.csv"
    save_numbers(Table({"id": [text, "-12.5e3", "NGC -1"]}), path)
    with open(path, newline="") as file:
        assert [row[0] for row in csv.reader(file)] == [
            "id", "'" + text.replace("\r", "\n"), "-12.5e3", "NGC -1"]  # fmt: skip


def test_cds_table_has_a_line_a_row_whatever_the_ids(tmp_path):
    ids = [name[:50] for name in IDS.values()]
    rows = np.arange(len(ids))
    table = build_catalogue(source_list([True] * len(ids), ids), None, **stages(rows))
    cds.write_cds(tmp_path / "t.dat", tmp_path / "ReadMe", table)
    lines = (tmp_path / "t.dat").read_bytes().split(b"\n")
    assert len(lines) == len(ids) + 1
    assert len({len(line) for line in lines[:-1]}) == 1


def test_ids_in_other_alphabets_reach_the_figures_and_the_naming_page(tmp_path):
    ids = ["Галактика 1", "銀河", "🌌", "plain"]
    rows = np.arange(len(ids))
    table = build_catalogue(source_list([True] * len(ids), ids), None, **stages(rows))
    write_fits(tmp_path / "catalogue.fits", table)
    assert read_columns(tmp_path / "catalogue.fits", ["ID"])["ID"].tolist() == ids
