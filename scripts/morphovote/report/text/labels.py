"""Sentences on labels by eye."""

from morphovote.report.text.words import decimals, interval, percent


def describe_labels(labels: dict | None) -> list[str]:
    """What labels by eye tell of accuracy, of people, and of what more labels would bring.

    Parameters
    ----------
    labels : dict or None
        From `by_eye.check_labels_file`.
    """
    if not labels:
        return []
    found = labels["accuracy"]
    people = "one person" if labels["people"] == 1 else f"{labels['people']:,} people"
    text = f"{labels['galaxies']:,} galaxies were classified by eye, by {people}."
    if found["galaxies"]:
        which = "drawn at random" if labels["check"] == "eye" else "(none known to be random)"
        share = interval((found["right"], found["low"], found["high"]))
        text += (
            f" Of {found['galaxies']:,} {which}, {share} get their class from a classifier that "
            "has not seen their labels."
        )
    said = [text]
    more = labels["more"]
    if more:
        said.append(
            f"{more['labels']} more labels would change the accuracy by "
            f"{100 * more['gain']:+.0f} per cent ({100 * more['low']:+.0f} to "
            f"{100 * more['high']:+.0f}), if it goes on growing with the logarithm of their number."
        )
    agree = labels["agreement"]
    if agree:
        kappa = "" if agree["kappa"] is None else f" (Fleiss' kappa {decimals(agree['kappa'])})"
        pairs = [
            f"{pair['first']} and {pair['second']} {decimals(pair['kappa'])} "
            f"({pair['galaxies']:,} galaxies)"
            for pair in agree["pairs"]
            if pair["kappa"] is not None
        ]
        said.append(
            f"{agree['galaxies']:,} galaxies were seen by more than one person; two answers agree "
            f"in {percent(agree['agree'])} of the cases{kappa}."
            + (f" Cohen's kappa: {'; '.join(pairs[:10])}." if pairs else "")
        )
    if labels["slips"]:
        slips = [f"{one['id']} ({one['label']}, rather {one['class']}?)" for one in labels["slips"]]
        said.append(
            "Labels that the classifier, which has not seen them, is sure are slips; look at them "
            f"again: {', '.join(slips)}."
        )
    return said
