"""The report: one self-contained HTML page with figures, captions, tables and sentences."""

import base64
import io
from collections.abc import Sequence
from pathlib import Path

import yaml
from jinja2 import Environment, StrictUndefined
from PIL import Image

from morphovote import flags
from morphovote.classify.classes import CLASSES, REASONS
from morphovote.errors import InputError
from morphovote.report.figures.table import FIGURES
from morphovote.report.text import (
    bands,
    classes,
    groups,
    labels,
    model,
    sources,
    stability,
    vote,
    words,
)
from morphovote.report.text.opening import open_report

# Meaning of "none" in the table of the classes.
NO_CLASS = "no class: not selected, or no usable pixels"
# PNG files of more bytes than this hold pictures of galaxies, not lines and points.
PICTURES = 800_000
# WebP has no sides longer than this, pixels.
WEBP_LIMIT = 16_383
# Sections that do not depend on a figure: they have a table in the template, or sentences.
ALWAYS = ("votes", "stability", "classes", "reliability", "galleries")


def render_report(
    template: str | Path,
    summary: dict,
    names: dict,
    figures: Sequence[str | Path],
    captions: Sequence[str | Path],
) -> str:
    """Fill the page's template.

    Parameters
    ----------
    template : path
        Jinja2; all text is escaped, because catalogues and names may contain markup.
    summary : dict
        As `summary.summarise` returns it.
    names : dict
        The groups' names: names.yaml.
    figures : sequence of path
        PNG files, named as in the table of figures.
    captions : sequence of path
        One text file for each figure, with its name, in any order; empty lines part paragraphs.

    Returns
    -------
    str
        HTML that refers to no other file.

    Raises
    ------
    InputError
        If a figure is not a PNG file or has no caption.
    """
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    for form in (words.digits, words.decimals, words.percent, words.duration, words.memory,
                 words.count):  # fmt: skip
        environment.filters[form.__name__] = form
    page = environment.from_string(Path(template).read_text(encoding="utf-8"))
    left_out = not_shown(summary)
    drawn = read_figures([path for path in figures if Path(path).stem not in left_out], captions)
    marks: dict[int, list[str]] = {}
    for row in summary["confounders"]["marked"]:
        marks.setdefault(row["group"], []).append(row["text"])
    return page.render(
        summary=summary,
        names_given=names.get("origin") == "file",
        opening=open_report(summary),
        sections=arrange(drawn, say(summary), {Path(path).stem for path in figures}),
        details={"votes": vote.describe_vote(summary)},
        reasons=REASONS,
        left_out=sources.describe_missing(summary["not_drawn"]),
        doubtful=sources.describe_sources(summary),
        used=model.describe_encoder(summary["encoder"])
        + model.describe_model(summary["model"], summary["shift"]),
        marks=marks,
        meanings={name: row.meaning for name, row in CLASSES.items()} | {"none": NO_CLASS},
        flags=flags.FLAGS,
        flag_counts=summary["flags"] | ({} if summary["has_psf"] else {"psf_limited": None}),
        measure_flags=flags.MEASURE_FLAGS,
        bands=summary.get("bands"),
        about_bands=bands.describe_bands(summary.get("bands")),
        config=yaml.safe_dump(summary["config"], sort_keys=False, allow_unicode=True),
    )


def say(summary: dict) -> dict[str, list[str]]:
    """Sentences above the figures of each section, by the section's name."""
    suggested = summary["names_origin"] != "file"
    return {
        "shift": model.describe_shift(summary["shift"]),
        "stability": stability.describe_stability(summary["stability"]),
        "reliability": classes.describe_trust(summary["calibration"]),
        "labels": labels.describe_labels(summary["labels"]),
        "completeness": classes.describe_recovery(summary["injection"]),
        "galleries": groups.describe_names(summary) + classes.describe_doubts(summary),
        "confounders": groups.describe_audit(summary["confounders"]),
        "separation": classes.describe_tests(summary["separation"], suggested),
    }


def not_shown(summary: dict) -> set[str]:
    """Names of figures that would be empty: missing columns, or checks that were not made."""
    found = set(summary["not_drawn"]["figures"])
    found |= set() if summary["stability"]["checks"] else {"stability"}
    found |= set() if summary["confounders"]["overall"] else {"confounders"}
    return found | (set() if summary["separation"]["tests"] else {"separation"})


def arrange(drawn: dict[str, dict], said: dict[str, list[str]], given: set[str]) -> list[dict]:
    """Sections of the page in the order of the table of figures.

    Parameters
    ----------
    drawn : dict of dict
        From `read_figures`.
    said : dict of list of str
        From `say`.
    given : set of str
        Names of all figures of the run, including those that are not shown.

    Returns
    -------
    list of dict
        name, heading, level, sentences, figures. A section is left out if the run does not have
        its figure, except those in `ALWAYS`.
    """
    found: dict[str, dict] = {}
    for row in FIGURES:
        name = row.section or row.name
        if name not in found:
            sentences = said.get(name, [])
            found[name] = {
                "name": name,
                "heading": row.heading or row.title,
                "level": row.level,
                "sentences": sentences,
                "figures": [],
                "wanted": name in ALWAYS or (bool(sentences) and name in given),
            }
        if row.name in drawn:
            found[name]["figures"].append(drawn[row.name])
    return [section for section in found.values() if section["wanted"] or section["figures"]]


def read_figures(figures: Sequence[str | Path], captions: Sequence[str | Path]) -> dict[str, dict]:
    """Figures by name, with their captions: title, paragraphs, data URI, share of the width."""
    titles = {row.name: row.title for row in FIGURES}
    texts = {Path(path).stem: Path(path) for path in captions}
    found = {}
    for path in map(Path, figures):
        content = path.read_bytes()
        if content[:8] != b"\x89PNG\r\n\x1a\n":
            raise InputError(f"{path}: not a PNG file. Delete it and run the workflow again.")
        if path.stem not in texts:
            raise InputError(
                f"{path}: has no caption, expected {path.stem}.rst among the captions. Add it."
            )
        text = texts[path.stem].read_text(encoding="utf-8")
        found[path.stem] = {
            "title": titles[path.stem],
            "paragraphs": [" ".join(part.split()) for part in text.strip().split("\n\n")],
            "source": embed_figure(content),
            "size": Image.open(io.BytesIO(content)).size,
        }
    # One scale for all figures, so that their text has one size.
    widest = max((figure["size"][0] for figure in found.values()), default=1)
    for figure in found.values():
        width, height = figure["size"]
        figure["share"] = round(100 * width / widest, 1)
        # In print: in the flow of the text, on a page of its own, or over several pages.
        figure["shape"] = "flow" if height < width else "page" if height < 2 * width else "pages"
    return found


def embed_figure(content: bytes) -> str:
    """Data URI of a PNG file, as WebP: a third of the size where nothing may be lost.

    Figures full of pictures of noise are compressed with losses that cannot be seen.
    """
    kind = "png"
    with Image.open(io.BytesIO(content)) as image:
        if max(image.size) <= WEBP_LIMIT:
            pictures = len(content) > PICTURES
            form = {"quality": 90} if pictures else {"lossless": True, "quality": 60}
            stream = io.BytesIO()
            image.convert("RGB").save(stream, "WEBP", method=4, **form)
            if len(stream.getvalue()) < len(content):
                kind, content = "webp", stream.getvalue()
    return f"data:image/{kind};base64," + base64.b64encode(content).decode("ascii")
