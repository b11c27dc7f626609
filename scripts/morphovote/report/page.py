"""One self-contained HTML page on a run: figures, captions, numbers, and what they mean."""

import base64
import struct
from collections.abc import Sequence
from pathlib import Path

import yaml
from jinja2 import Environment, StrictUndefined

from morphovote import flags
from morphovote.classify.classes import REASONS
from morphovote.errors import InputError
from morphovote.report.text import findings, shift, trust

# Below this ratio of the kept fractions a page says plainly that the vote shows little.
LITTLE = 1.5

# Fewer galaxies a group are too few for shares and medians.
FEW = 10

# Share of galaxies without all their light that the page speaks of.
LACKING = 0.05

# In place of a number.
MISSING = "\N{EN DASH}"

TITLES = {
    "shift": "Can the frozen model be trusted on this field?",
    "votes": "Does the vote find more than chance?",
    "stability": "Does a turned, noisier or blurred galaxy keep its group?",
    "depth": "The vote by magnitude and signal-to-noise ratio",
    "classes": "The classes in pictures",
    "groups": "How many groups?",
    "reliability": "How far to trust a class and its probability",
    "completeness": "What is recovered of galaxies of known class",
    "galleries": "The groups in pictures",
    "confounders": "Do the groups follow brightness, size or place?",
    "tsne": "A map of the galaxies",
    "separation": "Do the classes differ, and in the published order?",
    "structure": "Gini, M20, concentration and asymmetry",
    "mid": "Multimode, intensity and deviation",
    "sizes": "Sérsic index and size",
    "masses": "Size and Sérsic index against stellar mass",
    "fractions": "Classes by redshift and stellar mass",
    "colours": "Rest-frame colours",
    "training": "Training of the denoiser",
}

MEANINGS = {
    "SPH": "spheroid",
    "ETD": "early-type disc: bulge-dominated",
    "LTD": "late-type disc: disc-dominated, arms",
    "IRR": "irregular: clumps, mergers",
    "UNC": "unclassifiable",
    "none": "no class: not selected, or no usable pixels",
}


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
        Jinja2; all text is escaped, since catalogues and names may hold any.
    summary : dict
        As `summary.summarise` returns it.
    names : dict
        Of the groups: names.yaml.
    figures : sequence of path
        PNG files, in the order of the page.
    captions : sequence of path
        A text of the figure's name for each, in any order: paragraphs with empty lines between.

    Returns
    -------
    str
        HTML without any reference to another file.

    Raises
    ------
    InputError
        If a figure is no PNG file or has no caption.
    """
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(
        digits=digits,
        decimals=decimals,
        percent=percent,
        duration=duration,
        memory=memory,
        count=count,
    )
    page = environment.from_string(Path(template).read_text(encoding="utf-8"))
    figures = [path for path in figures if Path(path).stem not in summary["not_drawn"]["figures"]]
    marks: dict[int, list[str]] = {}
    for row in summary["confounders"]["marked"]:
        marks.setdefault(row["group"], []).append(row["text"])
    return page.render(
        summary=summary,
        names_given=names.get("origin") == "file",
        sentences=sentences(summary),
        stability=stability_sentences(summary["stability"]),
        trust=trust.trust_sentences(summary["calibration"]),
        recovery=trust.recovery_sentences(summary["injection"]),
        reasons=REASONS,
        missing=findings.missing_sentence(summary["not_drawn"]),
        audit=findings.audit_sentences(summary["confounders"]),
        separation=findings.separation_sentences(
            summary["separation"], suggested=summary["names_origin"] != "file"
        ),
        marks=marks,
        shift=shift.shift_sentences(summary["shift"]),
        figures={figure["name"]: figure for figure in read_figures(figures, captions)},
        meanings=MEANINGS,
        flags=flags.FLAGS,
        flag_counts=summary["flags"] | ({} if summary["has_psf"] else {"psf_limited": None}),
        measure_flags=flags.MEASURE_FLAGS,
        config=yaml.safe_dump(summary["config"], sort_keys=False, allow_unicode=True),
    )


def read_figures(figures: Sequence[str | Path], captions: Sequence[str | Path]) -> list[dict]:
    """Figures with their captions: name, title, paragraphs, data URI, share of the width."""
    texts = {Path(path).stem: Path(path) for path in captions}
    found = []
    for path in map(Path, figures):
        content = path.read_bytes()
        if content[:8] != b"\x89PNG\r\n\x1a\n":
            raise InputError(f"{path}: not a PNG file. Delete it and run the workflow again.")
        if path.stem not in texts:
            raise InputError(
                f"{path}: has no caption, expected {path.stem}.rst among the captions. Add it."
            )
        text = texts[path.stem].read_text(encoding="utf-8")
        found.append(
            {
                "name": path.stem,
                "title": TITLES.get(path.stem, path.stem),
                "paragraphs": [" ".join(part.split()) for part in text.strip().split("\n\n")],
                "source": "data:image/png;base64," + base64.b64encode(content).decode("ascii"),
                "size": struct.unpack(">II", content[16:24]),
            }
        )
    # All figures share one scale, so that their text has one size.
    widest = max((figure["size"][0] for figure in found), default=1)
    for figure in found:
        width, height = figure["size"]
        figure["share"] = round(100 * width / widest, 1)
        # In print: within a page's flow, on a page of its own, or over several.
        figure["shape"] = "flow" if height < width else "page" if height < 2 * width else "pages"
    return found


def sentences(summary: dict) -> list[str]:
    """What a run did and what it means, in plain sentences for the top of the page."""
    return [
        _what_was_run(summary),
        _kept(summary),
        _meaning(summary),
        _confidence(summary),
        _agreement(summary),
        *shift.model_sentences(summary["model"], summary["shift"]),
        _encoder(summary["encoder"]),
        *_measured(summary),
        _naming(summary),
    ]


def _what_was_run(summary: dict) -> str:
    rejections = summary["rejections"]
    reasons = (("not_selected", "outside the field's cuts"), ("no_data", "without usable pixels"))
    left_out = [f"{text}: {rejections[key]:,}" for key, text in reasons if rejections[key]]
    without = f" ({'; '.join(left_out)})" if left_out else ""
    voting = summary["config"].get("voting", {})
    voters = voting.get("voters", "Several")
    groups = summary["controls"].get("groups", "the")
    return (
        f"The source catalogue has {summary['sources']:,} sources, of which "
        f"{summary['voted']:,} took part in the vote{without}. {voters} clusterings voted on "
        f"{groups} groups; {summary['groups_used']} of them have members.{_few(summary)}"
        f"{_doubtful(summary)}{_match(summary)}"
    )


def _few(summary: dict) -> str:
    used = summary["groups_used"]
    if not used or summary["voted"] >= FEW * used:
        return ""
    return (
        f" That is {summary['voted'] / used:.1f} galaxies a group, too few for shares and medians "
        f"to say much; {max(summary['voted'] // FEW, 2)} groups (config: voting.groups) would be "
        "better filled."
    )


def _doubtful(summary: dict) -> str:
    """Sources that take part in the vote and hardly should in a sample for science."""
    text = ""
    if summary["repeated"]:
        text += (
            f" {summary['repeated']:,} of those in the vote are repeated rows of the catalogue "
            "(one id, one place) and count as galaxies of their own."
        )
    if summary["off_centre"]:
        text += (
            f" {summary['off_centre']:,} have their light away from their position (flag "
            "off_centre): mostly pieces or neighbours of a brighter galaxy, which take part in "
            "the vote and should be left out of a sample."
        )
    return text


def _match(summary: dict) -> str:
    match = summary.get("match")
    if not match:
        return ""
    text = f" {match['matched']:,} sources ({percent(match['rate'])}) have a match in the physical "
    if "median" not in match:
        return f"{text}catalogue, by id."
    return (
        f"{text}catalogue within {match['radius']:g} arcsec (median separation "
        f"{match['median']:.2f} arcsec, offset {match['offset_ra']:+.2f} arcsec east and "
        f"{match['offset_dec']:+.2f} north); of positions moved by ten radii "
        f"{percent(match['chance_rate'])} match, by chance."
    )


def _kept(summary: dict) -> str:
    if not summary["voted"]:
        return "No galaxy took part in the vote, so nothing can be said about groups."
    low, high = summary["kept_interval"]
    text = (
        f"The voters agree on {summary['kept']:,} galaxies: the kept fraction is "
        f"{percent(summary['kept_fraction'])} (95 % interval {percent(low)} to {percent(high)})."
    )
    controls, null = summary["controls"], summary["null_interval"]
    return (
        f"{text} As a control, the same vote was held on {controls['galaxies']:,} galaxies with "
        f"{len(controls['data']['values'])} seeds, and on as many points of structureless noise "
        f"with their covariance, {len(controls['null']['values'])} times. It keeps "
        f"{percent(controls['data']['mean'])} of the galaxies and "
        f"{percent(summary['null_kept_fraction'])} of the noise (95 % interval of the mean "
        f"{percent(null[0])} to {percent(null[1])})."
    )


def _meaning(summary: dict) -> str:
    ratio, (low, high) = summary["ratio_to_null"], summary["ratio_interval"]
    if ratio is None and not summary["controls"]["data"]["mean"]:
        return "Neither is ever kept: the voters agree on nothing, and the vote shows nothing."
    if ratio is not None and ratio < LITTLE:
        share = "no more than" if ratio <= 1.05 else f"only {ratio:.2f} times what"
        return (
            f"The galaxies keep {share} structureless noise does: the vote shows little. Most of "
            "what is kept would have been kept without any groups in the data."
        )
    times = "far more than" if ratio is None else f"{digits(ratio)} times what"
    shares = (
        f"{percent(summary['controls']['data']['mean'])} against "
        f"{percent(summary['null_kept_fraction'])}"
    )
    interval = (
        ""
        if None in (low, high)
        else f" ({digits(low)} to {digits(high)} times within the noise's interval)"
    )
    return (
        f"In these controls, on samples of one size, the galaxies keep {times} structureless "
        f"noise does, {shares}{interval}: the encoder's numbers hold groups that the voters find "
        "again. Whether these are kinds of galaxies, and not kinds of noise or size, the figures "
        "below have to show."
    )


def _confidence(summary: dict) -> str:
    found = summary["confidence"]
    return (
        f"The control also says what a vote is worth: {percent(found['null_share'])} of the "
        "galaxies vote no better than noise, and of those that reach the agreement an expected "
        f"{percent(1 - found['at_agreement'])} are kept by chance. A cut at VOTE_CONFIDENCE 0.9 "
        f"leaves {found['cuts']['0.9']:,} galaxies, one in ten or fewer by chance; a cut at 0.95 "
        f"leaves {found['cuts']['0.95']:,}."
    )


def _agreement(summary: dict) -> str:
    seeds = summary["controls"]["seeds"]
    text = (
        "The adjusted Rand index, which is 1 for equal groups and 0 for unrelated ones, is "
        f"{digits(summary['voter_ari'])} between two voters and "
        f"{digits(summary['seed_ari'])} between whole votes with other seeds"
    )
    kept = seeds["ari_kept"]["mean"]
    text += f" ({digits(kept)} over the galaxies that both keep)." if kept is not None else "."
    steady = seeds["same_group_kept"]
    if steady is not None:
        text += (
            f" All {len(summary['controls']['data']['values'])} seeds put "
            f"{percent(seeds['same_group'])} of the galaxies, and {percent(steady)} of those that "
            "the first vote keeps, in the same group."
        )
    alike = ", ".join(
        f"{pair.replace('-', ' and ')} {digits(value)}"
        for pair, value in summary["algorithms_ari"].items()
    )
    text += f" Algorithms on the same bag agree at {alike}"
    same = [" and ".join(names) for names in summary["algorithms_distinct"] if len(names) > 1]
    if same:
        return f"{text}: {'; '.join(same)} are one and the same algorithm on these data."
    return f"{text}: none is another under a second name."


def _encoder(card: dict) -> str:
    name = card.get("name", "unknown")
    if is_random(card):
        return (
            f"The encoder, {name}, has random weights: it has learnt nothing from any picture. "
            "Take this run as a trial of the workflow and not as a classification to publish."
        )
    licence = card.get("licence")
    return f"The encoder is {name} with weights from {card.get('source', 'an unnamed source')}" + (
        f" (licence: {licence})." if licence else "."
    )


def is_random(card: dict) -> bool:
    """Whether an encoder's card says that its weights are random."""
    said = (str(card.get(key, "")).lower() for key in ("weights", "source"))
    return any(text.startswith("random") for text in said)


def _naming(summary: dict) -> str:
    if summary["names_origin"] == "file":
        return _named(summary.get("naming", {}))
    return (
        "The groups' classes are suggestions from their measured medians: nobody has looked at "
        "them. Look at the pictures below, and give your own in a file (config: classes.names)."
    )


def _measured(summary: dict) -> list[str]:
    """What makes measurements, and classes that are suggested from them, doubtful in this field."""
    found = []
    if not summary["has_psf"]:
        found.append(
            "No PSF was given: Sérsic indices and half-light radii are those of the image as seen "
            "(n of small galaxies comes out too low), no galaxy is called PSF-limited, and bulges "
            "are suggested less often than they should be (config: psf)."
        )
    short = summary["measure_flags"].get("beyond_cutout", 0)
    if short > LACKING * summary["voted"]:
        found.append(
            f"{short:,} galaxies reach beyond their cutout (MEASURE_FLAG 64): their Gini, M20, C, "
            "A and S lack light, and a large disc may be suggested as IRR. Larger cutouts mend it "
            "where the images go on (config: cutout.size)."
        )
    return found


def stability_sentences(stability: dict) -> list[str]:
    """What the check of stability found, in plain sentences.

    Parameters
    ----------
    stability : dict
        As `stability_scores.summarise_stability` returns it.
    """
    if not stability["checks"]:
        return [
            "Too few galaxies of this field have a group, so it was not checked whether a turned "
            "or noisier galaxy keeps its own."
        ]
    found = {(c["kind"], c["amount"], c["galaxies"]): c for c in stability["checks"]}
    turned, exact = found["turned", None, "all"], found["exact", None, "all"]
    text = (
        f"{stability['galaxies']:,} galaxies, {stability['kept']:,} of them kept, were turned and "
        "mirrored as cutouts and taken through everything after. At angles that need "
        f"interpolation, {_share(turned, 'retrieved')} of the {turned['views']:,} views have their "
        f"own galaxy as the nearest of {stability['rivals']:,}; at quarter turns, which only move "
        f"pixels, {percent(exact['retrieved'][0])}."
    )
    kept = found["turned", None, "kept"]
    if kept["count"]:
        text += (
            f" Kept galaxies have their group again in {_share(kept, 'unchanged')} of these views, "
            "and galaxies as new to the model as those of another field would have theirs in "
            f"{_share(kept, 'unchanged_unseen')}."
        )
    parts = [
        f"{percent(check['unchanged_unseen'][0])} with "
        + (f"{amount:g} times the noise" if kind == "noise" else f"a PSF wider by {amount:g} px")
        for (kind, amount, which), check in found.items()
        if kind in ("noise", "psf") and which == "all"
    ]
    return [
        text,
        "Noise and PSF move galaxies to other groups. Of all galaxies of the sample, taken as new "
        f"to the model, these keep theirs: {'; '.join(parts)}. Compare groups between galaxies of "
        "like noise and PSF only.",
    ]


def _share(check: dict, score: str) -> str:
    value, low, high = check[score]
    return f"{percent(value)} (95 % interval {percent(low)} to {percent(high)})"


def _named(naming: dict) -> str:
    """Who named the groups, and what became of names given for another vote."""
    who, when = naming.get("who"), naming.get("when")
    text = "The groups' classes were given by hand, in a file of names"
    text += f" by {who}" if who else ""
    text += f" ({when})." if when else "."
    if naming.get("joined") or naming.get("split"):
        text += (
            f" In it {naming['joined']} groups are joined to others and {naming['split']} are "
            "split: votes for joined groups count together, so that more galaxies are kept, while "
            "the control by structureless noise is of the groups as they were fitted."
        )
    matching = naming.get("matching")
    if matching:
        without = ", ".join(str(number) for number in matching["unmatched"])
        lost = ", ".join(str(number) for number in matching["lost"])
        text += (
            f" The names were given for another vote ({matching['voters']}); "
            f"{len(matching['matched'])} groups were found again by their centres."
        )
        text += f" Not named, since no named group lies near: group {without}." if without else ""
        text += f" Named there, and not found here: group {lost}." if lost else ""
    return text


def digits(value: float | None, significant: int = 2) -> str:
    """A number with so many significant digits and no exponent; a dash where there is none."""
    if value is None:
        return MISSING
    text = f"{value:#.{significant}g}"
    if "e" in text:
        text = f"{value:,.0f}"
    return text.rstrip(".").replace("-", "\N{MINUS SIGN}")


def decimals(value: float | None) -> str:
    """A number with two decimals, for quantities whose zero means something."""
    if value is None:
        return MISSING
    return f"{value:.2f}".replace("-", "\N{MINUS SIGN}")


def percent(value: float | None) -> str:
    """A share as whole per cent, with a digit more below 10 %."""
    if value is None:
        return MISSING
    text = f"{100 * value:.1f}" if 0 < value < 0.0995 else f"{100 * value:.0f}"
    return f"{text}\N{NO-BREAK SPACE}%"


def duration(seconds: float | None) -> str:
    """Seconds in the units that people use."""
    if seconds is None:
        return MISSING
    if seconds < 10:
        return f"{seconds:.1f}\N{NO-BREAK SPACE}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}\N{NO-BREAK SPACE}s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def memory(megabytes: float | None) -> str:
    """Megabytes as MB or GB."""
    if megabytes is None:
        return MISSING
    return f"{megabytes:.0f} MB" if megabytes < 1000 else f"{megabytes / 1000:.1f} GB"


def count(value: int | None) -> str:
    """A whole number, with commas at the thousands."""
    return MISSING if value is None else f"{value:,}"
