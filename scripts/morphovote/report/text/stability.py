"""What the report says of galaxies that are turned, noisier or blurred."""

from morphovote.report.text.words import interval, percent


def describe_stability(stability: dict) -> list[str]:
    """What the check of stability found.

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
        f"interpolation, {interval(turned['retrieved'])} of the {turned['views']:,} views have "
        f"their own galaxy as the nearest of {stability['rivals']:,}; at quarter turns, which only "
        f"move pixels, {percent(exact['retrieved'][0])}."
    )
    kept = found["turned", None, "kept"]
    if kept["count"]:
        text += (
            f" Kept galaxies have their group again in {interval(kept['unchanged'])} of these "
            "views, and galaxies as new to the model as those of another field would have theirs "
            f"in {interval(kept['unchanged_unseen'])}."
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


def shortest_stability(stability: dict) -> str:
    """The same in one sentence, for the opening."""
    kept = [
        check
        for check in stability["checks"]
        if (check["kind"], check["galaxies"]) == ("turned", "kept") and check["count"]
    ]
    if not kept:
        return "Too few galaxies have a group to check whether a turned one keeps its own."
    return (
        f"Turned or mirrored, kept galaxies have their group again in "
        f"{interval(kept[0]['unchanged'])} of the views; new to the model, as galaxies of another "
        f"field are, in {percent(kept[0]['unchanged_unseen'][0])}."
    )
