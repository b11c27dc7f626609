"""Sentences on the classes: how far to trust them, and whether they differ."""

from morphovote.report.text.words import decimals, interval, percent

# The report warns if a larger share of the galaxies reaches beyond the cutouts.
LACKING = 0.05


def describe_trust(calibration: dict) -> list[str]:
    """How far classes and their probabilities can be trusted.

    Parameters
    ----------
    calibration : dict
        As `calibration.summarise_checks` returns it.
    """
    found = [_held_out(calibration)]
    if "labels" in calibration and "eye" not in calibration:
        labels = calibration["labels"]
        found.append(
            f"Of {labels['galaxies']:,} galaxies classified by eye {_right(labels)} get the class "
            "that people gave them, each judged by a classifier that had not seen its label. None "
            "of them is known to be drawn at random (column RANDOM), so this need not hold for the "
            "field."
        )
        return found
    if "eye" not in calibration and "anchors" in calibration:
        found.append(
            "This is accuracy on simulated galaxies, whose classes are about as common; real ones "
            "are richer, and how many of their classes are right is unknown. To measure it, "
            "classify galaxies by eye: to_label.csv lists which; give them as labels in the config."
        )
        return found
    if "eye" not in calibration:
        found.append(
            "This is agreement with the vote, not accuracy. Groups are seldom pure, and neither "
            "the voters nor the classifier can tell how pure. CLASS_PROB allows for galaxies of "
            "other classes in a group, as many as in simulated fields whose groups were named from "
            "the true types; how many there are in this field is unknown. Do not quote CLASS_PROB, "
            "or the agreement, as the share of right classes. To measure that share, "
            "classify galaxies by eye: to_label.csv lists which; give them as labels in the config."
        )
        return found
    eye, before = calibration["eye"], calibration["eye_uncorrected"]
    found.append(
        "That is not accuracy on this field. Accuracy is measured on galaxies "
        f"classified by eye: the class is right for {_right(eye)} of "
        f"{eye['galaxies']:,} drawn at random, each judged by a classifier that had not seen its "
        "label. CLASS_PROB is corrected with them. Its calibration error is "
        f"{decimals(eye['error'])} after the correction (each galaxy corrected by a fit to the "
        f"others) and {decimals(before['error'])} before; perfect probabilities would show "
        f"{decimals(eye['error_by_chance'])} in a sample of this size."
    )
    return found


def _held_out(calibration: dict) -> str:
    """How often the classifier is right about what was held out from it."""
    if "anchors" in calibration:
        anchors = calibration["anchors"]
        return (
            f"The classifier gives {_right(anchors)} of {anchors['galaxies']:,} anchors (simulated "
            "galaxies) their true class; each was held out from the classifier that judged it. "
            f"The probabilities are off by {decimals(anchors['error'])} on average (expected "
            "calibration error; perfect ones would show "
            f"{decimals(anchors['error_by_chance'])} in a sample of this size)."
        )
    if "vote" in calibration:
        vote = calibration["vote"]
        return (
            f"The classifier gives {_right(vote)} of {vote['galaxies']:,} kept galaxies the class "
            "of their group; each galaxy was held out from the classifier that judged it. The "
            f"probabilities are off by {decimals(vote['error'])} on average (expected calibration "
            f"error; perfect ones would show {decimals(vote['error_by_chance'])} in a sample of "
            "this size)."
        )
    return (
        "The classifier was not checked here: it came with a frozen model, or no galaxy is "
        "kept to check it on."
    )


def describe_recovery(injection: dict | None) -> list[str]:
    """How many injected galaxies were recovered; empty if no injection was requested.

    Parameters
    ----------
    injection : dict or None
        As `completeness.summarise_recovery` returns it.
    """
    if not injection:
        return []
    if not injection["galaxies"]:
        return [f"No galaxies were injected: {injection['missing']}."]
    every = injection["all"]
    seen = "are detected and" if injection["detects"] else "have a usable cutout and"
    parts = [
        f"{name} {percent(one['recovered'][0])}"
        for name, one in injection.items()
        if isinstance(one, dict) and name != "all"
    ]
    return [
        f"{injection['galaxies']:,} simulated galaxies of known class were put into the images. "
        f"The field's own detection finds {_span(every['detected'])} of them, the vote keeps "
        f"{_span(every['kept'])}, and {_span(every['recovered'])} {seen} get their own class "
        f"({', '.join(parts)}). Their magnitudes are spread evenly and all types are "
        "equally common, so these shares do not hold for the field's own galaxies."
    ]


def describe_tests(tests: dict, suggested: bool) -> list[str]:
    """Whether measured quantities differ between the classes, and in the published order.

    Parameters
    ----------
    tests : dict
        As `class_tests.summarise_tests` returns it.
    suggested : bool
        Whether the classes are suggested from the same measurements that are tested.
    """
    if not tests["tests"]:
        return [
            "No two neighbouring classes have enough galaxies with good measurements, so nothing "
            "could be tested."
        ]
    verdicts = [row["verdict"] for row in tests["ordering"] if row["sample"] == "all"]
    count = {word: verdicts.count(word) for word in ("pass", "fail", "not decided")}
    text = (
        f"Of {tests['galaxies']:,} galaxies in the four classes, {tests['measured']:,} have a "
        f"good non-parametric measurement and {tests['fitted']:,} a good Sérsic fit; the "
        f"others are left out. {tests['tests']} Mann-Whitney U tests were made; their p-values "
        "are corrected for multiple testing (Holm). Of the published order, "
        f"{count['pass']} of {len(verdicts)} statements pass, {count['fail']} fail and "
        f"{count['not decided']} are not decided."
    )
    if tests["massive_galaxies"]:
        text += (
            f" The same was tested for {tests['massive_galaxies']:,} massive galaxies, with a "
            f"stellar mass of log M above {tests['massive']:g}."
        )
    if suggested:
        return [
            text,
            "The classes are suggested from medians of the same measurements, so a pass shows "
            "that the suggestion is consistent, not that it is right.",
        ]
    return [text]


def describe_doubts(summary: dict) -> list[str]:
    """What makes the measurements, and classes suggested from them, doubtful in this field.

    Parameters
    ----------
    summary : dict
        As `summary.summarise` returns it.
    """
    found = []
    if not summary["has_psf"]:
        found.append(
            "No PSF was given: Sérsic indices and half-light radii are those of the blurred image "
            "(n of small galaxies is too low), no galaxy is flagged as PSF-limited, and bulges "
            "are suggested less often than they should be (config: psf)."
        )
    short = beyond_cutout(summary)
    if short:
        found.append(
            f"{short:,} galaxies reach beyond the end of their image (MEASURE_FLAG 64): their "
            "Gini, M20, C, A and S lack light, and a large disc may be suggested as IRR. Where the "
            "field is made of ready-made cutouts, larger ones help."
        )
    return found


def beyond_cutout(summary: dict) -> int:
    """Number of galaxies that reach beyond their image, 0 if they are a negligible share."""
    found = summary["measure_flags"].get("beyond_cutout", 0)
    return found if found > LACKING * summary["voted"] else 0


def _span(share: list) -> str:
    value, low, high = share
    return f"{percent(value)} ({percent(low)} to {percent(high)})"


def _right(check: dict) -> str:
    return interval((check["right"], *check["right_interval"]))
