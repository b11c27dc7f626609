"""morphovote: galaxy morphology without labels, by a vote of clusterings."""

__version__ = "0.1.0"
