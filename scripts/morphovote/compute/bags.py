"""How many galaxies of a sample each voter of the bagged vote sees."""

BAG_SHARE = 0.6

# Ward holds the distances of all pairs of a bag: 6,000 galaxies are 144 MB for each copy.
BAG_LIMIT = 6_000


def bag_size(galaxies: int) -> int:
    """Galaxies in each voter's bag, of so many in the reference sample."""
    return min(round(BAG_SHARE * galaxies), BAG_LIMIT)
