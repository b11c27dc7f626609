"""The published method's own steps on pictures, and the faults of its code that shape the result.

Fang et al. 2025 (A&A 693, A141) and the code released with it: cutouts in 8 bits, adaptive polar
coordinates (Fang et al. 2023, arXiv:2212.06981), and the network's input. The dense autoencoder
is in `denoise.dense`, the vote of three clusterings in `vote.unanimous`. What is wrong or
unlucky there is kept on purpose, so that a user can reproduce it and see what it costs. `FAULTS`
names all of it, in every stage; each has a test of its own in tests/unit/test_published_faults.py.
"""

import numpy as np

# name: (stage, what is wrong, where it lives)
FAULTS = {
    "min-max": (
        "cutout",
        "Each cutout is scaled to its own faintest and brightest pixel in 256 steps: a faint "
        "galaxy's noise fills the range, and one bright pixel squeezes the rest into few steps.",
        "scaling.scale_to_bytes",
    ),
    "neighbours": (
        "cutout",
        "Neighbours stay in, so the brightest pixel, the pole of what follows, may be theirs.",
        "extremes.find_pixels",
    ),
    "no-bottleneck": (
        "denoise",
        "The autoencoder's code holds as many numbers as reach it, and it learns to repeat the "
        "noisy cutout: nothing tells noise from light.",
        "dense.DenseAutoencoder",
    ),
    "two-pixels": (
        "polar",
        "Pole and zero angle hang on one pixel each, the brightest and the faintest: in noise the "
        "frame of a galaxy jumps.",
        "extremes.find_pixels",
    ),
    "wrap-round": (
        "polar",
        "Samples left of or below the cutout have negative indices, which count from the other "
        "end: the far side of the picture appears near its edge.",
        "extremes.sample_pixels",
    ),
    "mirror": (
        "polar",
        "The mirrored half is one column off: the pole stands once instead of twice, the first "
        "column stays empty, and the picture is not symmetric about its middle.",
        "extremes.mirror_radii",
    ),
    "open-turn": (
        "polar",
        "125 steps of 0.05 rad are 6.25 rad: a sliver of 0.03 rad is never seen.",
        "extremes.sample_pixels",
    ),
    "plain-input": (
        "encode",
        "The network gets values in [0, 1] though it learnt from normalised ones, the picture is "
        "stretched to a square, and its angle does not wrap.",
        "inputs.network_input",
    ),
    "twin-voters": (
        "vote",
        "With its default threshold BIRCH makes every galaxy a sub-cluster of its own and ends as "
        "Ward: three voters are two.",
        "unanimous.cluster_all",
    ),
    "overwritten": (
        "vote",
        "Where two clusters have the same most frequent K-means group, the later takes it over and "
        "the members of the earlier are rejected.",
        "unanimous.map_clusters",
    ),
    "unmapped": (
        "vote",
        "A K-means group that no cluster maps to is accepted without that voter's vote.",
        "unanimous.voter_labels",
    ),
}

ANGLES, ANGLE_STEP = 125, 0.05
RADII, RADIUS_STEP = 100, 0.5


def unwrap(
    images: np.ndarray,
    limits: tuple[np.ndarray, np.ndarray] | None = None,
    empty: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Adaptive polar coordinates, as published.

    Parameters
    ----------
    images : ndarray, shape (N, S, S)
        Denoised cutouts.
    limits : tuple of ndarray, optional
        Brightness (N,) that stands for 0 and for 1; each image's own extremes where left out.
    empty : ndarray of bool, shape (N,), optional
        Galaxies without data: their image is zero and their scalars NaN.

    Returns
    -------
    dict of ndarray
        As `moments.unwrap` returns them, but `image` is (N, 125, 200) float32 in [0, 1]: rows are
        angles in steps of 0.05 rad, columns radii in steps of half a pixel, outwards from the
        pole in column 100, and mirrored to its left.
    """
    count = len(images)
    empty = np.zeros(count, bool) if empty is None else np.asarray(empty, bool)
    result = {
        "image": np.zeros((count, ANGLES, 2 * RADII), np.float32),
        **{k: np.full(count, np.nan, np.float32) for k in ("pole_x", "pole_y", "angle", "radius")},
        "mirrored": np.zeros(count, bool),
    }
    for i in np.flatnonzero(~empty):
        image = np.asarray(images[i], np.float32)
        low, high = (image.min(), image.max()) if limits is None else (limits[0][i], limits[1][i])
        share = np.clip((image - low) / (high - low if high > low else 1), 0, 1)
        x, y, angle = find_pixels(image)
        result["image"][i] = mirror_radii(sample_pixels(share, x, y, angle))
        result["pole_x"][i], result["pole_y"][i] = x, y
        result["angle"][i] = angle % (2 * np.pi)
        result["radius"][i] = RADIUS_STEP * (RADII - 1)
    return result


def find_pixels(image: np.ndarray) -> tuple[int, int, float]:
    """Pole (x, y) at the brightest pixel, and the angle (rad) from it to the faintest."""
    y, x = np.unravel_index(image.argmax(), image.shape)
    faint_y, faint_x = np.unravel_index(image.argmin(), image.shape)
    return int(x), int(y), float(np.arctan2(float(faint_y - y), float(faint_x - x)))


def sample_pixels(image: np.ndarray, x: float, y: float, angle: float) -> np.ndarray:
    """Nearest pixels around a pole, shape (125, 100): angles by radii.

    Negative indices wrap round, as they do in Python. Beyond the far edges there is zero.
    """
    phi = angle + ANGLE_STEP * np.arange(ANGLES)[:, None]
    radius = RADIUS_STEP * np.arange(RADII)[None, :]
    columns = np.floor(x + radius * np.cos(phi) + 0.5).astype(int)
    rows = np.floor(y + radius * np.sin(phi) + 0.5).astype(int)
    height, width = image.shape
    inside = (-height <= rows) & (rows < height) & (-width <= columns) & (columns < width)
    result = np.zeros(inside.shape, np.float32)
    result[inside] = image[rows[inside], columns[inside]]
    return result


def mirror_radii(polar: np.ndarray) -> np.ndarray:
    """Put the mirrored half to the left of the pole: (125, 100) to (125, 200), one column off."""
    result = np.zeros((len(polar), 2 * polar.shape[1]), polar.dtype)
    middle = polar.shape[1]
    result[:, middle:] = polar
    # The right place of radius j is column middle - 1 - j.
    result[:, 1 : middle + 1] = polar[:, ::-1]
    return result
