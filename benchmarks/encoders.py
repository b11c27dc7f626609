"""Compare encoders on the same galaxies of known type.

    python benchmarks/encoders.py [--data ../shared/data] [--work results/benchmarks/encoders]
           [--output docs/figures/encoders.csv] [--encoders bundled random ...]

An encoder is `bundled`, `random` (any seed: `random:3`), `pixels` (components of the denoised
cutout), `sized` (the same, scaled to the galaxy's size), `polar` (components of the polar image),
`fourier` (angular Fourier amplitudes of the polar image), `statmorph` (Gini, M20, C, A, S), the
path of a safetensors file, or, with a network connection, `pretrained:` and a timm name or
`hf-hub:` and a repository: `pretrained:convnext_nano.in12k_ft_in1k` and
`pretrained:hf-hub:mwalmsley/zoobot-encoder-convnext_nano` fill the rows that need a connection.
`label=encoder` names a row; rows with the same label are printed as their mean [lowest to highest],
so `ours=one.safetensors ours=two.safetensors` shows the effect of the training seed.

The galaxies: two simulated fields (GalSim; the second with twice the pixel scale, a wider PSF and
other noise), and, if `--data` has them, SDSS pictures of Galaxy Zoo 2, Galaxy Zoo's HST pictures
and CEERS cutouts with visual classes. All go through the project's own cutout, denoising and polar
stages. Only the components, the clusterings and the classifiers scored here are fitted to these
sets.
"""

import time
from pathlib import Path

import numpy as np
import torch
from common import DATA, FIGURES, ROOT, WORK, new_parser
from benchmark_sets import prepare_sets, prepare_turned
from measured import measure_cutouts
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score, recall_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tables import print_row, print_table, write_table
from torch.nn.functional import grid_sample

from morphovote.encode import encoding
from morphovote.encode import weights as encoder_weights
from morphovote.polar import moments
from morphovote.pretrain.views import fourier_code
from morphovote.reduce import pca
from morphovote.storage import shards

BASELINES = ("pixels", "sized", "polar", "fourier", "statmorph")
SEEDS = [f"random weights=random:{seed}" for seed in range(3)]
DEFAULT = ["bundled", *SEEDS, *BASELINES]
BINS = ((10, 20), (20, 50), (50, np.inf))
RESAMPLINGS = 1000


def features_of(
    encoder: str, path: Path, work: Path, rotations: int, threads: int
) -> tuple[np.ndarray, int | None]:
    """Features (N, D) of a set from one encoder, and the number of weights if it is a network.

    A set is a shard with polar images and cutouts.
    """
    if encoder in BASELINES:
        return baseline_features(encoder, path, work, threads), None
    model, card = encoder_weights.load_encoder(*load(encoder, work))
    weights = sum(part.numel() for part in model.parameters())
    return encoding.encode_shard(path, model, card, "auto", rotations, threads), weights


def baseline_features(encoder: str, path: Path, work: Path, threads: int) -> np.ndarray:
    """Features (N, D) that need no network."""
    if encoder == "fourier":
        image = torch.from_numpy(shards.read_shard(path, ["image"])["image"])
        return fourier_code(image).numpy()
    if encoder == "sized":
        return sized_cutouts(shards.read_shard(path, ["denoised", "mask", "x", "y"]))
    if encoder == "statmorph":
        return _measured(path, work, threads)
    name = "denoised" if encoder == "pixels" else "image"
    image = shards.read_shard(path, [name])[name]
    image = image / np.abs(image).max((1, 2), keepdims=True).clip(1e-9)
    return image.reshape(len(image), -1)


def sized_cutouts(arrays: dict[str, np.ndarray], side: int = 48) -> np.ndarray:
    """Cutouts (N, side^2) of 1.7 times the radius of each galaxy, centred on its light."""
    image = torch.from_numpy(arrays["denoised"])
    found = moments.unwrap(arrays["denoised"], arrays["mask"], arrays["x"], arrays["y"])
    pole = torch.from_numpy(np.stack([found["pole_x"], found["pole_y"]], 1))
    reach = torch.from_numpy(found["radius"])[:, None, None]
    steps = torch.linspace(-1, 1, side)
    points = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), -1)[None]
    points = pole[:, None, None] + reach[..., None] * points
    grid = points * (2 / (image.shape[-1] - 1)) - 1
    sampled = grid_sample(image[:, None], grid, mode="bicubic", align_corners=True)[:, 0]
    return moments.stretch_to_peak(sampled, sampled.amax((1, 2))).flatten(1).numpy()


def load(encoder: str, work: Path) -> tuple[Path, Path]:
    """Weights and card of a network."""
    folder = work / "weights"
    stem = encoder.replace("/", "_").replace(":", "_")
    weights, card = folder / f"{stem}.safetensors", folder / f"{stem}.json"
    kind, _, rest = encoder.partition(":")
    name = "convnext_atto"
    if encoder == "bundled":
        source = str(ROOT / "resources/encoder/encoder.safetensors")
    elif kind == "random":
        source = "random"
    elif kind == "pretrained":
        name, source = rest, "pretrained"
    else:
        source = encoder
    seed = int(rest or 0) if kind == "random" else 0
    encoder_weights.fetch_encoder(name, source, seed, weights, card)
    return weights, card


def _measured(path: Path, work: Path, threads: int) -> np.ndarray:
    kept = work / f"{path.stem}-statmorph.h5"
    if not kept.exists():
        cutouts = shards.read_shard(path)
        fields = ("row", "id", "cutout", "rms", "mask", "flags", "x", "y", "snr")
        arrays = {("image" if name == "cutout" else name): cutouts[name] for name in fields}
        measured, units = measure_cutouts(arrays, 0.03, threads)
        shards.write_shard(kept, measured, {}, units)
    names = ("gini", "m20", "concentration", "asymmetry", "smoothness")
    measured = shards.read_shard(kept)
    table = np.stack([measured[name] for name in names], 1)
    middle = np.nanmedian(table, 0)
    table = np.where(np.isfinite(table), table, middle)
    spread = 1.4826 * np.median(np.abs(table - middle), 0)
    # Robust scaling, because a few failed measurements are extreme.
    return ((table - middle) / spread.clip(1e-6)).clip(-5, 5)


def components(features: np.ndarray, encoder: str) -> np.ndarray:
    """Components that the pipeline clusters: 95 % of the variance (40 components for pixels)."""
    if encoder in ("statmorph", "fourier"):
        return features
    share = 40 if encoder in ("pixels", "sized", "polar") else 0.95
    sample = features.astype(np.float32)
    return pca.project(sample, pca.fit_pca(sample, share))


def predictions(values: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
    """Out-of-fold labels by nearest neighbours and by logistic regression."""
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    near = make_pipeline(KNeighborsClassifier(7, weights="distance"))
    linear = make_pipeline(
        StandardScaler(), LogisticRegression(C=0.1, class_weight="balanced", max_iter=2000)
    )
    return {
        "knn": cross_val_predict(near, values, labels, cv=folds),
        "linear": cross_val_predict(linear, values, labels, cv=folds),
    }


def balanced(labels: np.ndarray, given: np.ndarray) -> tuple[float, float, float]:
    """Balanced accuracy, with the 16th and 84th percentiles of a bootstrap over galaxies."""
    rng = np.random.default_rng(0)
    draws = []
    kinds = np.unique(labels)
    for _ in range(RESAMPLINGS):
        rows = rng.integers(0, len(labels), len(labels))
        draws.append(
            recall_score(labels[rows], given[rows], labels=kinds, average="macro", zero_division=0)
        )
    value = recall_score(labels, given, labels=kinds, average="macro")
    return value, *np.quantile(draws, (0.16, 0.84))


def clustering(values: np.ndarray, labels: np.ndarray, snr: np.ndarray) -> dict[str, float]:
    """Agreement of K-means with the labels, mean of ten seeds."""
    result: dict[str, list[float]] = {}

    def note(name: str, value: float) -> None:
        result.setdefault(name, []).append(value)

    for seed in range(10):
        for groups in (5, 20):
            found = KMeans(groups, n_init=3, random_state=seed).fit_predict(values)
            note(f"ami{groups}", adjusted_mutual_info_score(labels, found))
            note(f"ari{groups}", adjusted_rand_score(labels, found))
            pure = sum(np.unique(labels[found == g], return_counts=True)[1].max(initial=0)
                       for g in range(groups))  # fmt: skip
            note(f"purity{groups}", pure / len(labels))
            if groups == 20:
                for low, high in BINS:
                    rows = (snr >= low) & (snr < high)
                    if rows.sum() > 40:
                        ami = adjusted_mutual_info_score(labels[rows], found[rows])
                        note(f"ami20_snr{low}", ami)
    return {name: float(np.mean(values)) for name, values in result.items()}


def rotation_retrieval(upright: np.ndarray, turned: np.ndarray) -> float:
    """Share of turned galaxies (T, N, D) whose nearest upright one (N, D) is the same galaxy."""
    middle, spread = upright.mean(0), upright.std()
    upright, turned = (upright - middle) / spread, (turned - middle) / spread
    found = [
        np.linalg.norm(upright[None] - some[:, None], axis=2).argmin(1) == np.arange(len(upright))
        for some in turned
    ]
    return float(np.mean(found))


def score_encoder(encoder: str, sets: dict[str, Path], work: Path, rotations: int, threads: int):
    """Rows of the table, one per set."""
    for name, path in sets.items():
        truth = shards.read_shard(path, ["label", "snr", "wanted"])
        wanted = truth["wanted"].astype(bool)
        began = time.perf_counter()
        features, weights = features_of(encoder, path, work, rotations, threads)
        seconds = time.perf_counter() - began
        values = components(features[wanted], encoder)
        labels, snr = truth["label"][wanted].astype(str), truth["snr"][wanted]
        # The bootstrap resamples galaxies without repeating the fits.
        given = predictions(values if encoder in BASELINES else features[wanted], labels)
        row = {"encoder": encoder, "rotations": rotations, "set": name, "galaxies": len(labels)}
        row |= {"components": values.shape[1], "rate": len(features) / seconds}
        if weights is not None:
            row["million_weights"] = weights / 1e6
        for how, labels_given in given.items():
            value, low, high = balanced(labels, labels_given)
            row |= {how: value, f"{how}_low": low, f"{how}_high": high}
        # Supervised, so about the best agreement that groups made without types can reach.
        row["ami_linear"] = float(adjusted_mutual_info_score(labels, given["linear"]))
        row |= clustering(values, labels, snr)
        yield row


def score_rotation(encoder: str, path: Path, work: Path, rotations: int, threads: int) -> float:
    """Rotation retrieval on a set made by `prepare_turned`."""
    turn = shards.read_shard(path, ["turn"])["turn"]
    features, _ = features_of(encoder, path, work, rotations, threads)
    galaxies = (turn == 0).sum()
    features = features.reshape(-1, galaxies, features.shape[1])
    return rotation_retrieval(features[0], features[1:])


def print_tables(rows: list[dict]) -> None:
    """Print the tables of docs/encoders.md, one per set, averaged over rows of one label."""
    for name in dict.fromkeys(row["set"] for row in rows):
        some = [row for row in rows if row["set"] == name]
        bins = [f"ami20_snr{low}" for low, _ in BINS if f"ami20_snr{low}" in some[0]]
        heads = ["encoder", "rotations", "kNN", "linear", "AMI, 5 groups", "AMI, 20 groups"]
        heads += [f"AMI, S/N > {key.removeprefix('ami20_snr')}" for key in bins]
        heads += ["purity, 20 groups", "AMI, linear"]
        keys = ("ami5", "ami20", *bins, "purity20", "ami_linear")
        print(f"\n**{name}**, {some[0]['galaxies']} galaxies:\n")
        lines = []
        for label, rotations in dict.fromkeys((row["label"], row["rotations"]) for row in some):
            seeds = [r for r in some if (r["label"], r["rotations"]) == (label, rotations)]
            cells = [label, str(rotations)]
            if len(seeds) == 1:
                (row,) = seeds
                for key in ("knn", "linear"):
                    low, high = row[f"{key}_low"], row[f"{key}_high"]
                    cells.append(f"{row[key]:.2f} ({low:.2f}-{high:.2f})")
                cells += [f"{row[key]:z.2f}" for key in keys]
            else:
                for key in ("knn", "linear", *keys):
                    values = [row[key] for row in seeds]
                    mean, low, high = np.mean(values), min(values), max(values)
                    cells.append(f"{mean:z.2f} [{low:z.2f} to {high:z.2f}]")
            lines.append(cells)
        print_table(heads, lines)


def main() -> None:
    """Score the encoders and write the table."""
    parser = new_parser(__doc__, FIGURES / "encoders.csv")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--work", type=Path, default=WORK / "encoders")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rotations", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--encoders", nargs="+", default=DEFAULT)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    sets = prepare_sets(options.work, options.data)
    turned = prepare_turned(options.work)
    rows = []
    for given in options.encoders:
        label, _, encoder = given.rpartition("=")
        for rotations in [1] if encoder in BASELINES else options.rotations:
            retrieval = np.nan
            # Encoders that need masks cannot be used on the turned set.
            if encoder not in ("statmorph", "sized"):
                retrieval = score_rotation(
                    encoder, turned, options.work, rotations, options.threads
                )
            for row in score_encoder(encoder, sets, options.work, rotations, options.threads):
                row = {"label": label or encoder, **row, "rotation": retrieval}
                rows.append(row)
                print_row(row)
    write_table(options.output, rows)
    print_tables(rows)


if __name__ == "__main__":
    main()
