"""Check whether groups of votes with other seeds are matched correctly by their centres.

    python benchmarks/group_matching.py results/demo/components.h5

A pair is right if neither group shares more members of the reference with another group.
"""

from pathlib import Path

import numpy as np
from common import DEMO, new_parser

from morphovote.groups.regrouping import consensus, group_centres
from morphovote.groups.rematching import match_groups
from morphovote.storage import shards
from morphovote.vote import bagged

SEEDS, VOTERS, AGREEMENT = range(1, 7), 31, 0.667


def main() -> None:
    """Match groups of six other seeds, and count."""
    parser = new_parser(__doc__)
    parser.add_argument("components", type=Path, nargs="?", default=DEMO / "components.h5")
    options = parser.parse_args()
    component = shards.read_shard(options.components, ["component"])["component"]
    component = component[np.isfinite(component).all(axis=1)]
    for groups in (20, 8):
        first = bagged.fit_voters(component, groups, AGREEMENT, 0, VOTERS, quiet=True)
        here = consensus(first)
        pairs, right, found = 0, 0, 0
        for seed in SEEDS:
            other = bagged.fit_voters(component, groups, AGREEMENT, seed, VOTERS, quiet=True)
            there = consensus(other)
            table = np.zeros((groups, groups), int)
            np.add.at(table, (here, there), 1)
            matched = match_groups(group_centres(first), group_centres(other))
            for one, two in matched.items():
                pairs += 1
                found += table[:, two].sum()
                shared = table[one, two]
                right += shared == table[one].max() and shared == table[:, two].max()
        share = found / len(SEEDS) / len(component)
        print(
            f"{groups} groups: {pairs} pairs with 6 seeds, {right} right; {share:.0%} of galaxies"
        )


if __name__ == "__main__":
    main()
