"""Sentences on galaxies that are turned, noisier or blurred."""

from morphovote.report.text.words import interval, percent


def describe_stability(stability: dict) -> list[str]:
    """What the stability check found.

    Parameters
    ----------
    stability : dict
        As `stability_scores.summarise_stability` returns it.
    """
    if not stability["checks"]:
        return [
            "Too few galaxies of this field have a group, so it was not checked whether a galaxy "
            "keeps its group when it is turned or noisier."
        ]
    found = {(c["kind"], c["amount"], c["galaxies"]): c for c in stability["checks"]}
    turned, exact = found["turned", None, "all"], found["exact", None, "all"]
    text = (
        f"The cutouts of {stability['galaxies']:,} galaxies, {stability['kept']:,} of them kept, "
        "were turned and mirrored and taken through all later stages. At angles that need "
        f"interpolation, {interval(turned['retrieved'])} of the {turned['views']:,} views have "
        f"their own galaxy as the nearest of {stability['rivals']:,}; at quarter turns, which only "
        f"move pixels, {percent(exact['retrieved'][0])}."
    )
    kept = found["turned", None, "kept"]
    if kept["count"]:
        text += (
            f" Kept galaxies keep their group in {interval(kept['unchanged'])} of these views; "
            "taken out of the reference sample, as if new to the model, in "
            f"{interval(kept['unchanged_unseen'])}."
        )
    parts = [
        f"{percent(check['unchanged_unseen'][0])} with "
        + (f"{amount:g} times the noise" if kind == "noise" else f"a PSF wider by {amount:g} px")
        for (kind, amount, which), check in found.items()
        if kind in ("noise", "psf") and which == "all"
    ]
    return [
        text,
        "More noise or a wider PSF moves galaxies to other groups. Of all galaxies of the sample, "
        f"as if new to the model, these shares keep their group: {'; '.join(parts)}. Compare "
        "groups only between galaxies of similar noise and PSF.",
    ]


def shortest_stability(stability: dict) -> str:
    """The main result in one sentence, for the opening."""
    kept = [
        check
        for check in stability["checks"]
        if (check["kind"], check["galaxies"]) == ("turned", "kept") and check["count"]
    ]
    if not kept:
        return "Too few galaxies have a group to check whether turned galaxies keep theirs."
    return (
        f"Turned or mirrored, kept galaxies keep their group in {interval(kept[0]['unchanged'])} "
        "of the views; as if new to the model, like galaxies of another field, in "
        f"{percent(kept[0]['unchanged_unseen'][0])}."
    )
