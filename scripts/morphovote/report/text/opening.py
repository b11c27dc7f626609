"""The five lines at the top of the report."""

from morphovote.checks.confounders import FOREIGN
from morphovote.report.text.classes import beyond_cutout
from morphovote.report.text.groups import by_anchors
from morphovote.report.text.model import is_random
from morphovote.report.text.stability import shortest_stability
from morphovote.report.text.vote import LITTLE, compare_to_null, few_in_groups
from morphovote.report.text.words import interval, listed, percent

NOT_KNOWN = "How many are right is not known: no sample was classified by eye (config: labels)."


# The report warns if a larger share of the galaxies is unlike the anchors.
FOREIGN_LIMIT = 0.05


def open_report(summary: dict) -> list[tuple[str, str]]:
    """What a run found and how far to trust it, in five lines.

    Parameters
    ----------
    summary : dict
        As `summary.summarise` returns it.

    Returns
    -------
    list of (str, str)
        A keyword and the sentences on it.
    """
    warnings = find_warnings(summary)
    return [
        ("Vote", _vote(summary)),
        ("Classes", _classes(summary)),
        ("Stability", shortest_stability(summary["stability"])),
        ("Caution", f"{'; '.join(warnings)}." if warnings else "nothing out of the ordinary."),
        ("Used", _made_with(summary)),
    ]


def _vote(summary: dict) -> str:
    if not summary["voted"]:
        return "No galaxy took part in the vote, so nothing can be said about groups."
    kept = interval((summary["kept_fraction"], *summary["kept_interval"]))
    return (
        f"the voters agree on {summary['kept']:,} of {summary['voted']:,} galaxies, {kept}. "
        f"{compare_to_null(summary)}"
    )


def _classes(summary: dict) -> str:
    counts = [
        f"{name} {count:,}{_unclassified(summary) if name == 'UNC' else ''}"
        for name, count in summary["classes"].items()
        if name != "none"
    ]
    # Those of UNC that have no origin are among its parts.
    origins = summary["origins"] | {"none": summary["classes"].get("none", 0)}
    parts = [
        f"{origins[key]:,} {words}"
        for key, words in (
            ("vote", "by the vote of their group"),
            ("labels", "by labels"),
            ("anchors", "by the classifier that anchors taught"),
            ("classifier", "by the classifier"),
            ("none", "without a class"),
        )
        if origins.get(key)
    ]
    if summary["names_origin"] == "file":
        who = summary.get("naming", {}).get("who")
        named = f"The groups were named by hand{f' by {who}' if who else ''}."
    else:
        source = "simulated anchors" if by_anchors(summary) else "measurements"
        named = f"The groups' classes are suggestions from {source}: nobody has checked them."
    checked = "eye" in summary["calibration"]
    accuracy = "" if checked else f" {NOT_KNOWN}"
    return f"{', '.join(counts) or 'none'}; {listed(parts)}. {named}{accuracy}"


def _unclassified(summary: dict) -> str:
    """The parts of the galaxies of class UNC, by reason; '' where all have the same."""
    parts = {
        words: summary["unclassified"].get(reason, 0)
        for reason, words in (
            ("unclassifiable", "whose shape cannot be told"), ("no light", "not detected"),
            ("no data", "without data"), ("outlier", "unlike all others"),
        )
    }  # fmt: skip
    told = [f"{count:,} {words}" for words, count in parts.items() if count]
    inside = sum(parts.values()) == summary["classes"]["UNC"]
    return f" ({', '.join(told)})" if inside and len(told) > 1 else ""


def _faintest_agree(summary: dict) -> bool:
    """Whether the voters agree on more of the faintest galaxies than of all others."""
    bins = summary["kept_by_snr"]
    return len(bins) > 1 and all(bins[0]["low"] > row["fraction"] for row in bins[1:])


def find_warnings(summary: dict) -> list[str]:
    """What to know before using the classes, the most serious first.

    Parameters
    ----------
    summary : dict
        As `summary.summarise` returns it.
    """
    found = []
    ratio, shift = summary["ratio_to_null"], summary["shift"]
    if shift:
        found.append(shift["sentence"].rstrip("."))
    if is_random(summary["encoder"]):
        found.append("the encoder has random weights: a trial, not a classification to publish")
    if ratio is not None and ratio < LITTLE:
        found.append("most kept galaxies would be kept even if the data had no groups")
    if _faintest_agree(summary):
        share = summary["kept_by_snr"][0]["fraction"]
        found.append(
            f"the voters agree most on the faintest galaxies ({percent(share)} of these are kept, "
            f"{percent(summary['kept_fraction'])} of all): there they agree on the noise"
        )
    found += [text for text in [few_in_groups(summary)] if text]
    if not summary["has_psf"]:
        found.append("no PSF was given, so Sérsic indices and radii are those of the blurred image")
    audit = summary["confounders"]
    foreign = [
        row["quantity"].replace("_", " ")
        for row in audit["overall"]
        if row["verdict"] == "more than chance" and row["quantity"] in FOREIGN
    ]
    if foreign:
        found.append(f"the groups follow {listed(foreign)}, which should be unrelated to shape")
    marked = {row["group"] for row in audit["marked"]}
    if marked:
        found.append(
            f"one quantity alone separates {len(marked):,} of {audit['groups']:,} groups from all "
            "others"
        )
    if summary["off_centre"]:
        found.append(
            f"{summary['off_centre']:,} galaxies in the vote are not at their catalogue position "
            "(flag off_centre)"
        )
    far = summary["far_from_anchors"]
    if far > FOREIGN_LIMIT * summary["voted"]:
        found.append(
            f"{far:,} galaxies are unlike the simulated anchors, and their probabilities lean to "
            "equal ones (flag far_from_anchors)"
        )
    if summary["repeated"]:
        found.append(f"{summary['repeated']:,} in the vote are repeated rows of the catalogue")
    short = beyond_cutout(summary)
    if short:
        found.append(f"{short:,} galaxies reach beyond the end of their image (MEASURE_FLAG 64)")
    return found


def _made_with(summary: dict) -> str:
    card, model = summary["encoder"], summary["model"]
    text = f"morphovote {summary['versions']['morphovote']}, encoder {card.get('name', 'unknown')}"
    if model:
        frozen = "a frozen model, " if summary["shift"] else "a model "
        text += f", {frozen}fitted on {model['galaxies']:,} galaxies of field {model['field']}"
    return f"{text}. The config that repeats this run is at the end; summary.json has all numbers."
