"""Faults of the published method's code that affect its result, stage by stage.

Fang et al. 2025 (A&A 693, A141) and the code released with it. All faults are kept on purpose: each
published step stands beside its alternative in the package of its stage, so that users can
reproduce it and see its effect. Each fault has a test of its own in
tests/unit/test_published_faults.py.
"""

# name: (stage, what is wrong, the function or class that has the fault)
FAULTS = {
    "min-max": (
        "cutout",
        "Each cutout is scaled to its own faintest and brightest pixel in 256 steps: a faint "
        "galaxy's noise fills the range, and one bright pixel squeezes the rest into few steps.",
        "denoise.scaling.scale_to_bytes",
    ),
    "neighbours": (
        "cutout",
        "Neighbours stay in, so the brightest pixel, the pole of the polar image, may be theirs.",
        "polar.extremes.find_pixels",
    ),
    "no-bottleneck": (
        "denoise",
        "The autoencoder's code holds as many numbers as its input, so it learns to copy the "
        "noisy cutout: nothing separates noise from light.",
        "denoise.dense.DenseAutoencoder",
    ),
    "two-pixels": (
        "polar",
        "Pole and zero angle depend on one pixel each, the brightest and the faintest: with noise, "
        "the frame of a galaxy jumps.",
        "polar.extremes.find_pixels",
    ),
    "wrap-round": (
        "polar",
        "Samples left of or below the cutout have negative indices, which count from the other "
        "end: the far side of the picture appears near its edge.",
        "polar.extremes.sample_pixels",
    ),
    "mirror": (
        "polar",
        "The mirrored half is one column off: the pole stands once instead of twice, the first "
        "column stays empty, and the picture is not symmetric about its middle.",
        "polar.extremes.mirror_radii",
    ),
    "open-turn": (
        "polar",
        "125 steps of 0.05 rad are 6.25 rad: a sliver of 0.03 rad is never seen.",
        "polar.extremes.sample_pixels",
    ),
    "plain-input": (
        "encode",
        "The network gets values in [0, 1] though it was trained on normalised ones, the picture "
        "is stretched to a square, and its angle does not wrap.",
        "encode.inputs.network_input",
    ),
    "twin-voters": (
        "vote",
        "With its default threshold BIRCH makes every galaxy a sub-cluster of its own and gives "
        "the same groups as Ward: three voters are really two.",
        "vote.unanimous.cluster_all",
    ),
    "overwritten": (
        "vote",
        "Where two clusters have the same most frequent K-means group, the later takes it over and "
        "the members of the earlier are rejected.",
        "vote.unanimous.map_clusters",
    ),
    "unmapped": (
        "vote",
        "A K-means group that no cluster maps to is accepted without that voter's vote.",
        "vote.unanimous.voter_labels",
    ),
}
