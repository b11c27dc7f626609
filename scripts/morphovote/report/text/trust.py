"""How far classes and their probabilities can be trusted, in plain sentences for the report."""


def trust_sentences(calibration: dict) -> list[str]:
    """How far classes and their probabilities can be trusted, in plain sentences.

    Parameters
    ----------
    calibration : dict
        As `calibration.summarise_checks` returns it.
    """
    found = []
    if "vote" in calibration:
        vote = calibration["vote"]
        found.append(
            f"The classifier gives {_right(vote)} of {vote['galaxies']:,} kept galaxies the class "
            "of their group, each judged by a classifier that was trained without it. Its "
            f"probabilities are off by {_decimals(vote['error'])} on average (expected calibration "
            f"error; honest ones would show {_decimals(vote['error_by_chance'])} in a sample of "
            "this size)."
        )
    else:
        found.append(
            "The classifier came with a frozen model and was checked where it was fitted, or no "
            "galaxy is kept to check it on."
        )
    if "eye" not in calibration:
        found.append(
            "This is agreement with the vote, not accuracy. Groups are seldom pure, and neither "
            "the voters nor the classifier can tell. CLASS_PROB allows for as many strangers in "
            "the groups as simulated fields had, with groups named by who knows the truth; how "
            "many this field has is not known. Do not quote it, or the agreement, as the share of "
            "right classes. To know that, classify a random sample of a hundred galaxies by eye "
            "and give them in the config (checked)."
        )
        return found
    eye, before = calibration["eye"], calibration["eye_uncorrected"]
    found.append(
        "That is agreement with the vote, not accuracy. Accuracy is known from galaxies that "
        f"somebody classified by eye: the class is right for {_right(eye)} of "
        f"{eye['galaxies']:,}. CLASS_PROB is corrected with them. Its calibration error is "
        f"{_decimals(eye['error'])} after the correction, each galaxy corrected by a fit to the "
        f"others, and {_decimals(before['error'])} before; honest probabilities would show "
        f"{_decimals(eye['error_by_chance'])} in a sample of this size."
    )
    return found


def recovery_sentences(injection: dict | None) -> list[str]:
    """What became of injected galaxies, in plain sentences; none where none were asked for."""
    if not injection:
        return []
    if not injection["galaxies"]:
        return [f"No galaxies were injected: {injection['missing']}."]
    every = injection["all"]
    seen = "is detected and" if injection["detects"] else "has a usable cutout and"
    parts = [
        f"{name} {_percent(one['recovered'][0])}"
        for name, one in injection.items()
        if isinstance(one, dict) and name != "all"
    ]
    return [
        f"{injection['galaxies']:,} simulated galaxies of known class were put into the images. "
        f"The field's own detection finds {_span(every['detected'])} of them, the vote keeps "
        f"{_span(every['kept'])}, and {_span(every['recovered'])} {seen} gets its own class "
        f"({', '.join(parts)}). Their magnitudes are spread evenly and their types in equal "
        "numbers, so these are not shares of the field's galaxies."
    ]


def _span(share: list) -> str:
    value, low, high = share
    return f"{_percent(value)} ({_percent(low)} to {_percent(high)})"


def _right(check: dict) -> str:
    low, high = check["right_interval"]
    return f"{_percent(check['right'])} (95 % interval {_percent(low)} to {_percent(high)})"


def _percent(value: float) -> str:
    return f"{100 * value:.0f}\N{NO-BREAK SPACE}%"


def _decimals(value: float) -> str:
    return f"{value:.2f}"
