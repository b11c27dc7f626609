"""What the report says of the groups: who named them, and what else tells them than shape."""

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
    return [
        "The groups' classes are suggestions from their measured medians: nobody has looked at "
        "them. Look at the pictures below, and give your own in a file (config: classes.names)."
    ]


def _describe_names(naming: dict) -> str:
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


def describe_audit(audit: dict) -> list[str]:
    """What else than shape tells the groups.

    Parameters
    ----------
    audit : dict
        As `confounders.summarise_audit` returns it.
    """
    if not audit["overall"]:
        return ["There are too few galaxies for an audit, or nothing known of them that varies."]
    telling = [row for row in audit["overall"] if row["verdict"] == "more than chance"]
    silent = [row for row in audit["overall"] if row["verdict"] != "more than chance"]
    text = f"Alone, of at most {SAMPLE:,} galaxies, "
    if telling:
        told = [
            f"{_name(row)} ({100 * row['balanced_accuracy']:.0f} % against "
            f"{100 * row['null']:.0f} %)"
            for row in sorted(telling, key=lambda row: -row["balanced_accuracy"])
        ]
        text += f"these tell the group better than shuffled group numbers: {listed(told)}"
    if silent:
        text += "; and no better: " if telling else "none tells it better than shuffled ones: "
        text += listed([_name(row) for row in silent])
    found = [text + "."]
    foreign = [_name(row) for row in telling if row["quantity"] in FOREIGN]
    if foreign:
        found.append(
            f"{listed(foreign).capitalize()} should say nothing about a galaxy's shape: "
            "groups that follow it are artefacts of the data or of the method."
        )
    if audit["judged"] < audit["groups"]:
        found.append(
            f"One by one, {audit['judged']} of {audit['groups']} groups are judged: the others "
            f"have fewer than {FEWEST_IN_GROUP} members."
        )
    if audit["marked"]:
        marks = [f"group {row['group']} ({_name(row)})" for row in audit["marked"]]
        found.append(
            f"One quantity alone tells these from all others: {listed(marks)}. Look at "
            "them with care before you give them a class."
        )
    elif audit["judged"]:
        found.append("No group judged is told from all others by one quantity alone.")
    return found


def _name(row: dict) -> str:
    return QUANTITIES[row["quantity"]][0].split(",")[0]
