"""Number of galaxies in the bag of each voter."""

BAG_SHARE = 0.6

# Ward keeps the distances of all pairs in a bag: 144 MB per copy for 6,000 galaxies.
BAG_LIMIT = 6_000


def bag_size(galaxies: int) -> int:
    """Number of galaxies in each voter's bag, for a reference sample of this many."""
    return min(round(BAG_SHARE * galaxies), BAG_LIMIT)
