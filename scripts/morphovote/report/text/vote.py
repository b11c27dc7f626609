"""What the report says of the vote: how many galaxies are kept, and what that is worth."""

from morphovote.report.text.words import digits, percent

# Below this ratio of the kept fractions a page says plainly that the vote shows little.
LITTLE = 1.5

# Fewer galaxies a group are too few for shares and medians.
FEW = 10


def describe_vote(summary: dict) -> list[str]:
    """The vote and its controls at length, for the section on it.

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
    """What the galaxies keep beside structureless noise, in one sentence."""
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
        share = "no more than" if ratio <= 1.05 else f"only {ratio:.2f} times what"
        return (
            f"In controls of one size the galaxies keep {share} structureless noise does: the "
            f"vote shows little ({shares})."
        )
    times = "far more than" if ratio is None else f"{digits(ratio)} times what"
    interval = "" if None in (low, high) else f", {digits(low)} to {digits(high)} times"
    return (
        f"In controls of one size the galaxies keep {times} structureless noise does "
        f"({shares}{interval})."
    )


def few_in_groups(summary: dict) -> str:
    """That there are too few galaxies a group; empty where there are enough."""
    used = summary["groups_used"]
    if not used or summary["voted"] >= FEW * used:
        return ""
    return (
        f"{summary['voted'] / used:.1f} galaxies a group are too few for shares and medians to "
        f"say much; {max(summary['voted'] // FEW, 2)} groups (config: voting.groups) would be "
        "better filled"
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
        f"{len(controls['data']['values'])} seeds, and on as many points of structureless noise "
        f"with their covariance, {len(controls['null']['values'])} times. It keeps "
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
        f"{text} So the encoder's numbers hold groups that the voters find again. Whether these "
        "are kinds of galaxies, and not kinds of noise or size, the figures below have to show."
    )


def _describe_confidence(summary: dict) -> str:
    found = summary["confidence"]
    return (
        f"The control also says what a vote is worth: {percent(found['null_share'])} of the "
        "galaxies vote no better than noise, and of those that reach the agreement an expected "
        f"{percent(1 - found['at_agreement'])} are kept by chance. A cut at VOTE_CONFIDENCE 0.9 "
        f"leaves {found['cuts']['0.9']:,} galaxies, one in ten or fewer by chance; a cut at 0.95 "
        f"leaves {found['cuts']['0.95']:,}."
    )


def _describe_agreement(summary: dict) -> str:
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
