"""Sentences on the groups: who named them, and what besides shape separates them."""

from morphovote.checks.confounders import FEWEST_IN_GROUP, FOREIGN, QUANTITIES, SAMPLE
from morphovote.report.text.words import listed


def describe_names(summary: dict) -> list[str]:
    """Where the groups' classes come from.

    Parameters
    ----------
    summary : dict
        As `summary.summarise` returns it.
    """
    if summary["names_origin"] == "file":
        return [_describe_names(summary.get("naming", {}))]
    advice = "Look at the pictures below, and give your own in a file (config: classes.names)."
    if not by_anchors(summary):
        return [
            "The groups' classes are suggestions from their measured medians: nobody has checked "
            f"them. {advice}"
        ]
    text = (
        "The vote alone decided which galaxies form a group; simulated galaxies of known class "
        "(anchors), seen through this field's own PSF, pixels and noise, decided what the groups "
        "are called and what the galaxies are. These classes are suggestions: nobody has checked "
        f"them, and simulations are not the sky. {advice}"
    )
    apart = [
        f"group {row['group']} ({row['class']} by anchors, {row['medians_say']} by medians)"
        for row in summary["groups"]
        if row["medians_say"] not in (None, "", row["class"]) and row["galaxies"]
    ]
    weak = [
        f"group {row['group']} ({row['class']}, {100 * row['purity']:.0f} %)"
        for row in summary["groups"]
        if row["weak"] and row["galaxies"]
    ]
    found = [text]
    if weak:
        found.append(
            f"Weak are the names of {listed(weak)}: less than half of the anchors in the group are "
            "of that class. Look at these first."
        )
    if not apart:
        return [*found, "The measured medians of every group suggest the same class."]
    return [
        *found,
        f"The measured medians suggest another class for {listed(apart)}: look at these"
        f"{' too' if weak else ' first'}.",
    ]


def by_anchors(summary: dict) -> bool:
    """Whether anchors suggested the groups' classes."""
    return "anchors" in str(summary.get("naming", {}).get("source"))


def _describe_names(naming: dict) -> str:
    """Who named the groups, and which names given for another vote were found again."""
    who, when = naming.get("who"), naming.get("when")
    text = "The groups' classes were given by hand, in a file of names"
    text += f" by {who}" if who else ""
    text += f" ({when})." if when else "."
    if naming.get("joined") or naming.get("split"):
        text += (
            f" In it {naming['joined']} groups are joined to others and {naming['split']} are "
            "split: votes for joined groups count together, so more galaxies are kept. The control "
            "by structureless noise is of the groups as they were fitted."
        )
    matching = naming.get("matching")
    if matching:
        without = ", ".join(str(number) for number in matching["unmatched"])
        lost = ", ".join(str(number) for number in matching["lost"])
        text += (
            f" The names were given for another vote ({matching['voters']}); "
            f"{len(matching['matched'])} groups were matched by their centres."
        )
        text += f" Not named, because no named group is near: group {without}." if without else ""
        text += f" Named there, but not found here: group {lost}." if lost else ""
    return text


def describe_audit(audit: dict) -> list[str]:
    """What besides shape separates the groups.

    Parameters
    ----------
    audit : dict
        As `confounders.summarise_audit` returns it.
    """
    if not audit["overall"]:
        return ["There are too few galaxies for an audit, or no quantity that varies."]
    telling = [row for row in audit["overall"] if row["verdict"] == "more than chance"]
    silent = [row for row in audit["overall"] if row["verdict"] != "more than chance"]
    text = f"In a sample of at most {SAMPLE:,} galaxies, "
    if telling:
        told = [
            f"{_name(row)} ({100 * row['balanced_accuracy']:.0f} % against "
            f"{100 * row['null']:.0f} %)"
            for row in sorted(telling, key=lambda row: -row["balanced_accuracy"])
        ]
        text += (
            "these quantities, each alone, predict the group better than chance (balanced accuracy "
            f"against that with shuffled group numbers): {listed(told)}"
        )
    if silent:
        text += "; no better than chance: " if telling else "no quantity alone predicts the group: "
        text += listed([_name(row) for row in silent])
    found = [text + "."]
    foreign = [_name(row) for row in telling if row["quantity"] in FOREIGN]
    if foreign:
        found.append(
            f"{listed(foreign).capitalize()} should be unrelated to a galaxy's shape: "
            "groups that depend on it are artefacts of the data or of the method."
        )
    if audit["judged"] < audit["groups"]:
        found.append(
            f"{audit['judged']} of {audit['groups']} groups were tested one by one; the others "
            f"have fewer than {FEWEST_IN_GROUP} members."
        )
    if audit["marked"]:
        marks = [f"group {row['group']} ({_name(row)})" for row in audit["marked"]]
        found.append(
            f"One quantity alone separates these from all others: {listed(marks)}. Look at "
            "them closely before you give them a class."
        )
    elif audit["judged"]:
        found.append("No tested group is separated from all others by one quantity alone.")
    return found


def _name(row: dict) -> str:
    return QUANTITIES[row["quantity"]][0].split(",")[0]
