"""The report: one file, safe with any text, and true about what the vote shows."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest
import synthetic_field
from astropy.table import Table
from paths import ROOT

from morphovote.checks.stability_scores import summarise_stability
from morphovote.classify.calibration import summarise_checks
from morphovote.errors import InputError
from morphovote.flags import in_vote
from morphovote.report import page as report_page
from morphovote.report import summary
from morphovote.report.figures import style
from morphovote.report.figures.table import FIGURES
from morphovote.report.text import words
from morphovote.report.text.bands import count_bands, describe_bands
from morphovote.report.text.classes import describe_trust
from morphovote.report.text.opening import open_report
from morphovote.report.text.stability import describe_stability
from morphovote.report.text.vote import describe_vote

TEMPLATE = ROOT / "workflow/report/report.html.j2"
CAPTIONS = sorted((ROOT / "workflow/report").glob("*.rst"))
TITLES = {figure.name: figure.title for figure in FIGURES}
HOSTILE = '"><script>alert(1)</script><img src="http://example.com/x.png">{{ 7 * 7 }}'


CHECKS = summarise_checks(
    {
        "vote": {
            "probability": np.full(50, 0.8),
            "uncorrected": np.full(50, np.nan),
            "right": np.arange(50) < 40,
        }
    }
)


def make_summary(null=0.43, data=0.74, weights="random", reason="because", lacking=(), **changes):
    catalogue = synthetic_field.make_catalogue(120)
    controls = synthetic_field.make_controls(null, data)
    names = {"origin": "suggestion", "groups": {0: {"class": "SPH", "reason": reason}}}
    timings = [{"rule": "fit_pca", "jobs": 1, "seconds": 75.0, "longest": 75.0, "memory": 1800.0}]
    card = {"name": "convnext_atto", "weights": weights, "source": weights}
    config = {"fields": {"made_up": {}}, "voting": {"voters": 30, "groups": 7}}
    stability = summarise_stability(*synthetic_field.make_stability())
    sources = synthetic_field.make_sources(catalogue)
    for column in lacking:
        sources[column] = np.nan
    tests, audit = synthetic_field.make_tests(catalogue, sources)
    found = dict.fromkeys(summary.FOUND) | {
        "stability": stability,
        "calibration": CHECKS,
        "separation": tests,
        "confounders": audit,
        "encoder": card,
        "timings": timings,
    }
    numbers = summary.summarise("made_up", config, catalogue, sources, controls, names, found)
    return numbers | changes, names


@pytest.fixture(scope="module")
def figures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("figures")
    paths = [folder / f"{name}.png" for name in TITLES]
    for path in paths:
        style.save_figure(style.message_figure(path.stem), path)
    return paths


class Page(HTMLParser):
    """Collects tags, and every address that a browser would follow by itself."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.sources, self.words = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)
        if tag != "a":
            self.sources += [value for key, value in attributes if key in ("src", "href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def render(figures, **changes):
    numbers, names = make_summary(**changes)
    return report_page.render_report(TEMPLATE, numbers, names, figures, CAPTIONS)


def opening_of(numbers):
    return " ".join(text for _, text in open_report(numbers))


def test_page_is_whole_and_refers_to_nothing_outside(figures):
    text = render(figures)
    page = Page(text)
    assert page.open == []
    assert page.tags.count("img") == len(TITLES)
    assert all(source.startswith("data:image/webp;base64,") for source in page.sources)
    assert "script" not in page.tags
    assert "link" not in page.tags
    assert "url(" not in text
    assert "@import" not in text


def test_every_figure_has_a_caption_of_plain_prose(figures):
    for figure in report_page.read_figures(figures, CAPTIONS).values():
        caption = " ".join(figure["paragraphs"])
        assert len(caption) > 100
        assert caption.endswith(".")
        assert not re.search(r"[`*{}|]|::", caption)


def test_the_vote_comes_first(figures):
    text = render(figures)
    assert text.index('alt="' + TITLES["votes"]) < text.index("<h2>Classes")
    places = [text.index(f'alt="{figure.title}"') for figure in FIGURES]
    assert places == sorted(places)


def test_hostile_text_is_only_text(figures):
    text = render(figures, reason=HOSTILE, field=HOSTILE, config={HOSTILE: HOSTILE})
    page = Page(text)
    assert "script" not in page.tags
    assert page.tags.count("img") == len(TITLES)
    assert "{{ 7 * 7 }}" in "".join(page.words)


@pytest.mark.parametrize(
    ("null", "data", "said"),
    [
        (
            0.60,
            0.60,
            "no larger share of the galaxies than of structureless noise: the vote shows little",
        ),
        (
            0.50,
            0.74,
            "only 1.48 times as large a share of the galaxies as of structureless noise: "
            "the vote shows little",
        ),
        (0.45, 0.74, "1.6 times as large a share of the galaxies as of structureless noise"),
        (0.0, 0.74, "far larger share of the galaxies than of structureless noise"),
        (0.0, 0.0, "the vote shows nothing"),
    ],
)
def test_page_says_whether_the_vote_beats_its_null(null, data, said, figures):
    data_values = {"values": [data], "mean": data, "low": data, "high": data}
    numbers, names = make_summary(null, data)
    numbers["controls"]["data"] = data_values
    assert said in opening_of(numbers)
    assert said in report_page.render_report(TEMPLATE, numbers, names, figures, CAPTIONS)


def test_doubtful_sources_in_the_vote_are_said_at_the_opening():
    clean, _ = make_summary(off_centre=0, repeated=0, voted=70, groups_used=7)
    said = opening_of(clean)
    assert not any(word in said for word in ("off_centre", "repeated", "too few"))
    numbers, _ = make_summary(off_centre=5, repeated=4, voted=69, groups_used=7)
    said = opening_of(numbers)
    assert "5 galaxies in the vote are not at their catalogue position" in said
    assert "4 in the vote are repeated rows" in said
    assert "9.9 galaxies a group" in said
    assert "6 groups (config: voting.groups)" in said


def test_opening_is_five_lines_that_say_what_was_found():
    numbers, _ = make_summary(confounders={"overall": [], "marked": [], "groups": 0, "judged": 0})
    lines = dict(open_report(numbers))
    assert len(lines) == 5
    assert f"{numbers['kept']:,} of {numbers['voted']:,} galaxies" in lines["Vote"]
    assert f"SPH {numbers['classes']['SPH']}" in lines["Classes"]
    assert "by the vote of their group" in lines["Classes"]
    assert re.search(r"kept galaxies keep their group in \d+\s%", lines["Stability"])
    clean = numbers | {"has_psf": True, "off_centre": 0, "repeated": 0, "encoder": {"name": "a"}}
    assert "nothing out of the ordinary" in dict(open_report(clean))["Caution"]
    shifted = clean | {"shift": {"sentence": "Do not trust the model."}}
    assert "Do not trust the model" in dict(open_report(shifted))["Caution"]


def test_faintest_galaxies_on_which_the_voters_agree_most_are_said_at_the_opening():
    bins = [{"snr": s, "fraction": f, "low": f - 0.1, "high": f + 0.1}
            for s, f in ((7, 0.7), (30, 0.2), (200, 0.4))]  # fmt: skip
    numbers, _ = make_summary(kept_by_snr=bins)
    assert "agree most on the faintest galaxies (70" in dict(open_report(numbers))["Caution"]
    for fraction in (0.45, 0.2):
        bins[0] = bins[0] | {"fraction": fraction, "low": fraction - 0.1}
        assert "faintest" not in opening_of(make_summary(kept_by_snr=bins)[0])
    assert [row["galaxies"] for row in make_summary()[0]["kept_by_snr"]]


def test_unclassifiable_galaxies_are_counted_once():
    numbers, _ = make_summary(
        classes={"SPH": 10, "UNC": 84, "none": 3},
        origins={"vote": 20, "anchors": 56, "none": 21},
        unclassified={"no light": 18, "unclassifiable": 66, "not selected": 3},
    )
    said = dict(open_report(numbers))["Classes"]
    assert "UNC 84 (66 whose shape cannot be told, 18 not detected); 20 by the vote" in said
    assert "3 without a class" in said
    assert "21" not in said
    alike = numbers | {"unclassified": {"unclassifiable": 84}}
    assert "UNC 84; 20 by" in dict(open_report(alike))["Classes"]


def test_weak_names_are_marked(figures):
    numbers, names = make_summary()
    row = numbers["groups"][0] | {"weak": True, "purity": 0.262, "class": "ETD", "galaxies": 9}
    numbers |= {
        "groups": [row], "names_origin": "suggestion",
        "naming": numbers["naming"] | {"source": "simulated anchors"},
    }  # fmt: skip
    page = report_page.render_report(TEMPLATE, numbers, names, figures, CAPTIONS)
    assert "ETD <b>(weak)</b>" in page
    assert f"Weak are the names of group {row['group']} (ETD, 26 %)" in page
    numbers["groups"] = [row | {"weak": False}]
    page = report_page.render_report(TEMPLATE, numbers, names, figures, CAPTIONS)
    assert not any(word in page for word in ("(weak)", "Weak are", "Weak: less"))


def test_what_measurements_lack_is_said(figures):
    numbers, _ = make_summary(has_psf=True)
    assert "no PSF" not in opening_of(numbers)
    assert "beyond the end of their image" not in opening_of(numbers)
    counts = numbers["measure_flags"] | {"beyond_cutout": 20}
    page = render(figures, has_psf=False, measure_flags=counts)
    assert "no PSF was given" in page
    assert "No PSF was given" in page
    assert "20 galaxies reach beyond the end of their image" in page
    row = page[page.index(">psf_limited<") :].split("</tr>")[0]
    assert words.MISSING in row


def test_algorithms_that_are_one_are_named():
    said = " ".join(describe_vote(make_summary()[0]))
    assert "ward and birch are one and the same algorithm" in said


def test_stability_is_told_in_sentences(figures):
    stability = summarise_stability(*synthetic_field.make_stability())
    text = " ".join(describe_stability(stability))
    assert "40 galaxies, 20 of them kept" in text
    assert re.search(r"100\s% \(95 % interval 91\s% to 100\s%\) of the 80 views", text)
    assert "2 times the noise" in text
    assert "a PSF wider by 3 px" in text
    assert describe_stability(stability)[0] in render(figures)
    few = describe_stability(stability | {"checks": []})
    assert "Too few galaxies" in few[0]


def test_random_weights_are_called_random(figures):
    assert "random weights" in render(figures)
    trained, _ = make_summary(weights="timm hub")
    assert "random" not in opening_of(trained)
    assert "weights from timm hub" in render(figures, weights="timm hub")


def test_suggested_names_are_called_suggestions():
    numbers, names = make_summary()
    assert "are suggestions" in opening_of(numbers)
    assert "are suggestions" in report_page.render_report(TEMPLATE, numbers, names, [], CAPTIONS)
    numbers["names_origin"] = "file"
    assert "by hand" in opening_of(numbers)
    assert "given by hand" in report_page.render_report(TEMPLATE, numbers, names, [], CAPTIONS)


def test_page_without_training_or_timings(figures):
    chosen = [path for path in figures if path.stem != "training"]
    text = render(chosen, timings=[])
    assert "No timings were recorded" in text
    assert TITLES["training"] not in text


@pytest.mark.slow
def test_figures_that_cannot_be_drawn_are_left_out_with_one_sentence(figures):
    text = render(figures, lacking=("REDSHIFT", "U_V"))
    assert TITLES["colours"] not in text
    assert "the source catalogue has no redshift or U\N{MINUS SIGN}V: rest-frame colours" in text
    assert TITLES["masses"] in text
    assert TITLES["fractions"] in text
    text = render(figures, lacking=("REDSHIFT", "LOG_MASS"))
    assert not any(TITLES[name] in text for name in ("masses", "colours"))
    assert TITLES["fractions"] in text
    assert "Not drawn" not in render(figures)


def test_page_says_what_the_tests_and_the_audit_found(figures):
    numbers, names = make_summary()
    numbers["confounders"]["marked"] = [
        {"group": 0, "quantity": "snr", "auc": 0.95, "text": "told by noise alone"}
    ]
    text = report_page.render_report(TEMPLATE, numbers, names, figures, CAPTIONS)
    assert "<br><b>told by noise alone</b>" in text
    assert "group 0 (signal-to-noise ratio)" in text
    assert "n falls from SPH to IRR" in text
    assert "consistent, not that it is right" in text
    assert "consistent, not that" not in report_page.render_report(
        TEMPLATE, numbers | {"names_origin": "file"}, names, figures, CAPTIONS
    )


def test_what_was_not_tested_has_neither_figure_nor_table(figures):
    numbers, names = make_summary()
    numbers["separation"] |= {"tests": 0}
    numbers["confounders"] |= {"overall": [], "marked": []}
    text = report_page.render_report(TEMPLATE, numbers, names, figures, CAPTIONS)
    assert "nothing could be tested" in text
    assert "too few galaxies for an audit" in text
    assert "n falls from SPH to IRR" not in text
    for name in ("separation", "confounders"):
        assert f'alt="{TITLES[name]}"' not in text


def test_figure_without_caption_or_content_is_refused(figures, tmp_path):
    with pytest.raises(InputError, match="has no caption"):
        report_page.read_figures(figures, [path for path in CAPTIONS if path.stem != "votes"])
    (tmp_path / "votes.png").write_text("no picture")
    with pytest.raises(InputError, match="not a PNG file"):
        report_page.read_figures([tmp_path / "votes.png"], CAPTIONS)


def test_numbers_are_written_with_sensible_digits():
    assert words.digits(1.2345) == "1.2"
    assert words.digits(-1.675, 3) == "\N{MINUS SIGN}1.68"
    assert words.digits(123456.0) == "123,456"
    assert words.digits(0.5) == "0.50"
    assert words.decimals(-0.032) == "\N{MINUS SIGN}0.03"
    assert words.percent(0.5312) == "53\N{NO-BREAK SPACE}%"
    assert words.percent(0.0123) == "1.2\N{NO-BREAK SPACE}%"
    assert words.percent(0.0) == "0\N{NO-BREAK SPACE}%"
    assert words.duration(3.21) == "3.2\N{NO-BREAK SPACE}s"
    assert words.duration(75) == "1 min 15 s"
    assert words.duration(7260) == "2 h 1 min"
    assert words.memory(1800) == "1.8 GB"
    assert {f(None) for f in (words.digits, words.percent, words.duration, words.memory)} == {
        "\N{EN DASH}"
    }


def test_agreement_is_not_called_accuracy():
    page, _ = make_summary()
    text = " ".join(describe_trust(page["calibration"]))
    assert "80" in text
    assert "agreement with the vote, not accuracy" in text
    assert "by eye" in text
    assert "frozen" in describe_trust({})[0]


def test_accuracy_is_told_where_somebody_looked():
    checked = {
        "probability": np.full(40, 0.7),
        "uncorrected": np.full(40, 0.95),
        "right": np.arange(40) < 28,
    }
    numbers = summarise_checks({"eye": checked})
    text = " ".join(describe_trust(numbers))
    assert "70" in text
    assert "0.25" in text


def test_what_was_noted_of_the_catalogue_is_said(figures):
    page = render(figures, notes=["cat.fits: 2 of 9 values of <MAG> count as missing"])
    assert "2 of 9 values of &lt;MAG&gt; count as missing." in page


def test_the_report_tells_in_which_band_galaxies_were_classified(figures):
    catalogue = synthetic_field.make_catalogue(120)
    name = np.where(np.arange(120) < 90, "F150W", HOSTILE[:20])
    listed = Table({"BAND": name, "REST_WAVELENGTH": np.full(120, 0.5), "BAND_FLAG": np.zeros(120)})
    listed["BAND_FLAG"] = np.where(np.arange(120) == 3, 1, 0)
    bands = {one: {"images": "x", "wavelength": 1.5} for one in dict.fromkeys(name.tolist())}
    field = {"bands": bands, "rest_frame": 0.5, "catalogue": "c"}
    assert count_bands(catalogue, None, {}) == {}
    found = count_bands(catalogue, listed, field)["bands"]
    voted = in_vote(np.asarray(catalogue["FLAGS"]))
    assert [row["galaxies"] for row in found["rows"]] == [voted[:90].sum(), voted[90:].sum()]
    assert sum(found["rows"][0]["classes"].values()) == voted[:90].sum()
    assert found["rows"][0]["rest_wavelength"] == [0.5, 0.5, 0.5]
    assert found["flags"]["no_redshift"] == voted[3]
    numbers, names = make_summary(bands=found)
    told = " ".join(describe_bands(found))
    assert "nearest to 0.5 micrometres" in told
    text = report_page.render_report(TEMPLATE, numbers, names, figures, CAPTIONS)
    assert "<h2>Bands</h2>" in text
    assert HOSTILE[:20] not in text
    numbers, names = make_summary()
    plain = report_page.render_report(TEMPLATE, numbers, names, figures, CAPTIONS)
    assert "<h2>Bands</h2>" not in plain
