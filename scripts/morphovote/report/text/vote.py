"""Sentences on the vote: how many galaxies are kept, and what that is worth."""

from morphovote.report.text.words import digits, percent

# Below this ratio of the kept fractions the report says that the vote shows little.
LITTLE = 1.5

# Galaxies needed in a group, on average, for shares and medians.
FEW = 10


def describe_vote(summary: dict) -> list[str]:
    """The vote and its controls in full, for their section of the report.

    Parameters
    ----------
    summary : dict
        As `summary.summarise` returns it.
    """
    found = [_take_part(summary)]
    if summary["voted"]:
        found.append(_describe_controls(summary))
    return [*found, _describe_confidence(summary), _describe_agreement(summary)]


def compare_to_null(summary: dict) -> str:
    """How many galaxies the vote keeps compared with structureless noise, in one sentence."""
    ratio, (low, high) = summary["ratio_to_null"], summary["ratio_interval"]
    shares = (
        f"{percent(summary['controls']['data']['mean'])} against "
        f"{percent(summary['null_kept_fraction'])}"
    )
    if ratio is None and not summary["controls"]["data"]["mean"]:
        return (
            "In the controls neither galaxies nor noise are ever kept: the voters agree on "
            "nothing, and the vote shows nothing."
        )
    if ratio is not None and ratio < LITTLE:
        share = (
            "no larger share of the galaxies than"
            if ratio <= 1.05
            else f"only {ratio:.2f} times as large a share of the galaxies as"
        )
        return (
            f"In control samples of equal size they keep {share} of structureless noise: the vote "
            f"shows little ({shares})."
        )
    times = (
        "a far larger share of the galaxies than"
        if ratio is None
        else f"{digits(ratio)} times as large a share of the galaxies as"
    )
    interval = "" if None in (low, high) else f", {digits(low)} to {digits(high)} times"
    return (
        f"In control samples of equal size they keep {times} of structureless noise "
        f"({shares}{interval})."
    )


def few_in_groups(summary: dict) -> str:
    """A warning if there are too few galaxies a group, else empty."""
    used = summary["groups_used"]
    if not used or summary["voted"] >= FEW * used:
        return ""
    return (
        f"{summary['voted'] / used:.1f} galaxies a group are too few for reliable shares and "
        f"medians; at most {max(summary['voted'] // FEW, 2)} groups (config: voting.groups) would "
        "have enough"
    )


def _take_part(summary: dict) -> str:
    rejections = summary["rejections"]
    reasons = (("not_selected", "outside the field's cuts"), ("no_data", "without usable pixels"))
    left_out = [f"{text}: {rejections[key]:,}" for key, text in reasons if rejections[key]]
    without = f" ({'; '.join(left_out)})" if left_out else ""
    voters = summary["config"].get("voting", {}).get("voters", "Several")
    groups = summary["controls"].get("groups", "the")
    return (
        f"Of {summary['sources']:,} sources {summary['voted']:,} took part{without}. {voters} "
        f"clusterings voted on {groups} groups; {summary['groups_used']} of them have members."
    )


def _describe_controls(summary: dict) -> str:
    controls, null = summary["controls"], summary["null_interval"]
    text = (
        f"As a control, the same vote was held on {controls['galaxies']:,} galaxies with "
        f"{len(controls['data']['values'])} seeds, and {len(controls['null']['values'])} times on "
        "as many points of structureless noise with the same covariance. It keeps "
        f"{percent(controls['data']['mean'])} of the galaxies and "
        f"{percent(summary['null_kept_fraction'])} of the noise (95 % interval of the mean "
        f"{percent(null[0])} to {percent(null[1])})."
    )
    ratio = summary["ratio_to_null"]
    if ratio is None and not controls["data"]["mean"]:
        return text
    if ratio is not None and ratio < LITTLE:
        return f"{text} Most of what is kept would have been kept without any groups in the data."
    return (
        f"{text} So the embeddings contain groups that the voters find again. Check in the "
        "figures below whether these are kinds of galaxies or only differ in noise or size."
    )


def _describe_confidence(summary: dict) -> str:
    found = summary["confidence"]
    return (
        f"The control also calibrates the vote: {percent(found['null_share'])} of the galaxies "
        "have votes no better than noise, and of those that reach the agreement an expected "
        f"{percent(1 - found['at_agreement'])} are kept by chance. A cut at VOTE_CONFIDENCE 0.9 "
        f"leaves {found['cuts']['0.9']:,} galaxies, at most one in ten by chance; a cut at 0.95 "
        f"leaves {found['cuts']['0.95']:,}."
    )


def _describe_agreement(summary: dict) -> str:
    seeds = summary["controls"]["seeds"]
    text = (
        "The adjusted Rand index (1 for identical groups, 0 for unrelated ones) is "
        f"{digits(summary['voter_ari'])} between two voters and "
        f"{digits(summary['seed_ari'])} between whole votes with different seeds"
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
    text += f" On the same bag, the index between two algorithms is: {alike}"
    same = [" and ".join(names) for names in summary["algorithms_distinct"] if len(names) > 1]
    if same:
        return f"{text}. So {'; '.join(same)} are one and the same algorithm on these data."
    return f"{text}. So no two of them are the same."
