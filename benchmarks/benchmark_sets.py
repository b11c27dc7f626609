"""The galaxies on which `encoders.py` scores, processed by the pipeline's own stages."""

from pathlib import Path

import numpy as np
from real_fields import read_ceers, read_sdss, read_zoo
from scipy.ndimage import affine_transform, gaussian_filter

from morphovote.denoise import noise, recorrupted
from morphovote.fields import cutouts
from morphovote.polar import moments
from morphovote.simulate import survey
from morphovote.storage import shards

SIZE, SEED = 100, 11


def prepare_sets(work: Path, data: Path) -> dict[str, Path]:
    """Prepare the sets that are missing; real sets only if `data` exists."""
    makers = {"demo": lambda: simulated(1), "demo_coarse": lambda: simulated(2)}
    if data.is_dir():
        makers |= {
            "sdss": lambda: sdss(data),
            "hst_zoo": lambda: zoo(data),
            "ceers": lambda: ceers(data),
        }
    paths = {name: work / f"{name}.h5" for name in makers}
    for name, make in makers.items():
        if not paths[name].exists():
            print(f"preparing {name}")
            sections, positions, labels, wanted = make()
            arrays = prepare(sections, positions)
            write(paths[name], arrays | {"label": labels, "wanted": wanted})
    return paths


def write(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write one set as a shard that the encoding stage reads."""
    row = np.arange(len(arrays["image"]))
    shards.write_shard(path, arrays | {"row": row, "id": row.astype(str)})


def prepare(sections: list[np.ndarray], positions: np.ndarray) -> dict[str, np.ndarray]:
    """Cut, denoise (with a network trained on these cutouts) and unwrap sources."""
    cut = [
        cutouts.cut_source(section, None, tuple(position), SIZE, name=str(i), pixel_scale=0.03)
        for i, (section, position) in enumerate(zip(sections, positions, strict=True))
    ]
    arrays = {name: np.array([one[name] for one in cut]) for name in cut[0]}
    arrays["cutout"] = arrays.pop("image").astype(np.float32)
    rms, mask = arrays["rms"].astype(np.float32), arrays["mask"]
    sample = recorrupted.in_noise_units(arrays["cutout"], rms, mask)
    covariance = noise.noise_correlation(sample["image"], sample["level"], mask)
    model, _ = recorrupted.train(sample, covariance, epochs=15)
    arrays["denoised"] = recorrupted.denoise(model, arrays["cutout"], rms)
    return arrays | unwrap(arrays["denoised"], mask, arrays["x"], arrays["y"])


def unwrap(images, mask, x, y) -> dict[str, np.ndarray]:
    """Polar images and their angles, as the polar stage writes them."""
    found = moments.unwrap(images, mask, np.asarray(x), np.asarray(y))
    return {"image": found["image"], "angle": found["angle"]}


def simulated(scale: int):
    """A simulated field; with `scale` 2, pixels are twice as large, with blur and new noise."""
    field = survey.simulate_field(800, SEED)
    truth = field["truth"]
    image, x, y = field["image"], np.asarray(truth["X"]), np.asarray(truth["Y"])
    if scale > 1:
        side = len(image) // scale * scale
        light = field["noiseless"][:side, :side].astype(float)
        light = light.reshape(side // scale, scale, -1, scale).sum((1, 3))
        light = gaussian_filter(light, 1.3)
        sky = 1.5 * scale * survey.sky_noise()
        image = light + sky * np.random.default_rng(SEED).standard_normal(light.shape)
        x, y = ((v + 0.5) / scale - 0.5 for v in (x, y))
    border = 100
    padded = np.pad(image.astype(np.float32), border, constant_values=np.nan)
    sections, positions = [], []
    side = SIZE + 50
    for a, b in zip(x, y, strict=True):
        left, top = round(float(a)) - side // 2 + border, round(float(b)) - side // 2 + border
        sections.append(padded[top : top + side, left : left + side])
        positions.append((a + border - left, b + border - top))
    kinds = np.asarray(truth["TYPE"]).astype(str)
    # Unclassifiable galaxies have no shape to find.
    return sections, np.array(positions), kinds, kinds != "UNC"


def zoo(data: Path):
    """Galaxy Zoo's example pictures (HST), in grey, at 100 pixels."""
    names, sections, labels = zip(*read_zoo(data), strict=True)
    labels = np.array(labels)
    positions = np.full((len(names), 2), (SIZE - 1) / 2)
    return list(sections), positions, labels, labels != ""


def sdss(data: Path):
    """SDSS pictures of Galaxy Zoo 2, in grey, with classes by its volunteers."""
    names, sections, labels = zip(*read_sdss(data), strict=True)
    middle = (sections[0].shape[0] - 1) / 2
    positions = np.full((len(names), 2), middle)
    return list(sections), positions, np.array(labels), np.ones(len(names), bool)


def ceers(data: Path):
    """CEERS galaxies (NIRCam, F150W); 61 have visual classes (Ferreira et al. 2023)."""
    names, sections, labels = zip(*read_ceers(data), strict=True)
    labels = np.array(labels)
    # A disc or not: the other classes have 5 to 8 galaxies each.
    wanted = np.isin(labels, ("disk", "spheroid", "peculiar"))
    labels = np.where(labels == "disk", "disc", "other")
    positions = np.full((len(names), 2), (SIZE - 1) / 2)
    return list(sections), positions, labels, wanted


def prepare_turned(work: Path, galaxies: int = 64, turns: int = 16) -> Path:
    """Cutouts of the first simulated field, turned and mirrored, then denoised and unwrapped.

    Blocks of `galaxies` rows: upright ones, then each turn, every second one mirrored too.
    """
    path = work / "turned.h5"
    if path.exists():
        return path
    names = ("cutout", "rms", "mask", "x", "y", "snr", "wanted")
    demo = shards.read_shard(work / "demo.h5", names)
    rows = np.flatnonzero((demo["snr"] > 20) & demo["wanted"].astype(bool))[:galaxies]
    demo = {name: values[rows] for name, values in demo.items()}
    scale = recorrupted.noise_scale(demo["rms"])[:, None, None]
    sample = {"image": demo["cutout"] / scale, "level": (demo["rms"] / scale).astype(np.float16)}
    sample["mask"] = demo["mask"]
    covariance = noise.noise_correlation(sample["image"], sample["level"], sample["mask"])
    model, _ = recorrupted.train(sample, covariance, epochs=15)
    parts: list[dict[str, np.ndarray]] = []
    for k in range(turns + 1):
        image, mask, x, y = turn_cutouts(
            demo["cutout"], demo["mask"], demo["x"], demo["y"], k, turns
        )
        denoised = recorrupted.denoise(model, image, demo["rms"].astype(np.float32))
        part = unwrap(denoised, mask, x, y)
        parts.append(part | {"denoised": denoised, "turn": np.full(len(rows), k)})
    write(path, {name: np.concatenate([part[name] for part in parts]) for name in parts[0]})
    return path


def turn_cutouts(images, masks, x, y, k: int, turns: int) -> tuple[np.ndarray, ...]:
    """The k-th of `turns` turns of cutouts (N, S, S), every second one mirrored too; 0 is upright.

    Also their masks, and the sources' new positions x and y (N,).
    """
    middle = (images.shape[-1] - 1) / 2
    angle, mirror = 2 * np.pi * (k - 0.37) / turns if k else 0.0, -1.0 if k % 2 else 1.0
    # Input (row, column) of an output pixel, both from the middle.
    cosine, sine = np.cos(angle), np.sin(angle)
    matrix = np.array([[cosine, sine], [-sine * mirror, cosine * mirror]])
    offset = middle - matrix @ (middle, middle)

    def turn(image, order):
        return affine_transform(image, matrix, offset, order=order, mode="reflect")

    turned = np.stack([turn(one, 3) for one in images]).astype(np.float32)
    back = np.linalg.inv(matrix)
    place = np.stack([y - middle, x - middle]).T @ back.T + middle
    return turned, np.stack([turn(one, 0) for one in masks]), place[:, 1], place[:, 0]
