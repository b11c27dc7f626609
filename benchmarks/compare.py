"""Compare the published arm with the default, step by step, on galaxies of known type.

Usage: python benchmarks/compare.py [--set demo|ceers|hst_zoo] [--field results/demo]
           [--encoder bundled] [--latent 40] [--epochs 8] [--output docs/figures/compare.csv]

The first row is the published arm. Each further row takes one more step from the default: cutouts,
denoiser, polar image, network input, PCA, vote; the last row is the default arm. Both arms use the
same network: `bundled` (the project's own), `random`, a safetensors file, or, with a network
connection, `pretrained:` and a timm name: `pretrained:convnext_xlarge.fb_in22k` is the paper's.
Intermediate files are kept in --work, so an interrupted run continues where it stopped.

Columns: kept is the kept fraction; null is the same for Gaussian noise with the covariance of the
components (mean, and 95 % interval of the mean); ari, ami and purity compare the groups with the
true types, over all galaxies and over the kept ones; seed_ari compares votes with two seeds;
rotation is the share of turned and mirrored cutouts whose nearest upright galaxy is the same
galaxy; seconds are processor seconds per galaxy from denoising to the vote, without training. All
but rotation and seconds are means over the seeds.
"""

import argparse
import contextlib
import json
import time
from pathlib import Path

import numpy as np
import torch
import yaml
from common import DATA, DEMO, FIGURES, ROOT, WORK, new_parser
from astropy.table import Table
from benchmark_sets import SIZE, ceers, turn_cutouts, zoo
from encoders import load, rotation_retrieval
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score
from tables import markdown, print_row, write_table

from morphovote import flags
from morphovote.config.resolve import complete_config
from morphovote.denoise import schemes as denoisers
from morphovote.encode import encoding
from morphovote.encode import weights as encoder_weights
from morphovote.fields import cutouts, sources
from morphovote.polar import schemes as polar_pictures
from morphovote.reduce import pca
from morphovote.storage import shards
from morphovote.vote import controls
from morphovote.vote import schemes as votings

STEPS = ("cutout", "denoiser", "polar", "input", "pca", "vote")
# Components in the paper's code, of the 2,048 features of its network.
PUBLISHED_SHARE = 1500 / 2048
DEFAULT = complete_config(
    {"fields": {"demo": {"simulate": {}}}},
    ROOT / "workflow/schemas/config.schema.yaml",
    yaml.safe_load((ROOT / "workflow/places.yaml").read_text(encoding="utf-8")),
)
DEFAULTS = {
    "cutout": DEFAULT["cutout"]["scaling"],
    "denoiser": DEFAULT["denoiser"]["scheme"],
    "polar": DEFAULT["polar"]["scheme"],
    "input": DEFAULT["encoder"]["input"],
    "vote": DEFAULT["voting"]["scheme"],
}
BRIGHT = 20


def kind_of(new: set, step: str) -> str:
    """Scheme of a step, default or published, in an arm with the given `new` steps."""
    return DEFAULTS[step] if step in new else "published"


def read_field(folder: Path, default: bool) -> tuple[dict, np.ndarray]:
    """Cutouts (masked, or with their neighbours) and true kinds of a simulated field."""
    folder = folder.resolve()
    table, tiles = sources.read_sources(folder / "sources.fits")
    if default:
        paths = sorted((folder / "cutouts").glob("*.h5"))
        names = ("row", "id", "image", "rms", "mask", "flags", "snr", "x", "y")
        arrays = shards.concatenate(paths, names)
    else:
        # Paths in the list are relative to the folder in which the workflow ran.
        with contextlib.chdir(folder.parents[1]):
            arrays = cutouts.make_cutouts(table, tiles, SIZE, "keep")
    truth = Table.read(folder / "simulated/truth.fits")
    kind = dict(zip(map(str, truth["ID"]), np.asarray(truth["TYPE"]).astype(str), strict=True))
    return arrays, np.array([kind.get(str(name), "") for name in arrays["id"]])


def read_set(name: str, data: Path, default: bool) -> tuple[dict, np.ndarray]:
    """Cutouts of a set of real galaxies, and their kinds, "" where unknown."""
    maker = {"ceers": ceers, "hst_zoo": zoo}[name]
    sections, positions, labels, wanted = maker(data)
    neighbours = "mask" if default else "keep"
    cut = [
        cutouts.cut_source(
            section, None, tuple(position), SIZE, name=str(i), pixel_scale=0.03,
            neighbours=neighbours,
        )
        for i, (section, position) in enumerate(zip(sections, positions, strict=True))
    ]  # fmt: skip
    arrays = {key: np.array([one[key] for one in cut]) for key in cut[0]}
    arrays["row"] = np.arange(len(cut))
    arrays["id"] = arrays["row"].astype(str)
    return arrays, np.where(wanted, labels.astype(str), "")


class Ladder:
    """Intermediate products of the arms on one set, each made once and kept in a folder."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options, self.work = options, options.work / options.set
        self.work.mkdir(parents=True, exist_ok=True)
        self.weights = load(options.encoder, self.work)
        self.clock = self.work / "seconds.json"
        self.seconds = json.loads(self.clock.read_text()) if self.clock.exists() else {}

    def note(self, name: str, began: float, galaxies: int) -> None:
        """Record the processor seconds per galaxy since `began`."""
        self.seconds[name] = (time.process_time() - began) / max(galaxies, 1)
        self.clock.write_text(json.dumps(self.seconds, indent=1))

    def cutouts(self, default: bool) -> Path:
        """Shard of cutouts, with `label`."""
        path = self.work / f"cutouts-{'mask' if default else 'keep'}.h5"
        if not path.exists():
            if self.options.set == "demo":
                arrays, label = read_field(self.options.field, default)
            else:
                arrays, label = read_set(self.options.set, self.options.data, default)
            shards.write_shard(path, arrays | {"label": label}, {"pixel_scale": 0.03})
        return path

    def turned(self, default: bool) -> Path:
        """Shard of cutouts of bright galaxies: upright first, then each turn of all of them."""
        path = self.work / f"turned-{'mask' if default else 'keep'}.h5"
        if path.exists():
            return path
        # The same galaxies in both arms.
        snr = shards.read_shard(self.cutouts(True), ["snr", "flags"])
        bad = (snr["flags"] & (flags.NO_DATA | flags.EDGE)) > 0
        rows = np.flatnonzero((snr["snr"] > BRIGHT) & ~bad)[: self.options.turned]
        one = shards.read_shard(self.cutouts(default), ["image", "rms", "mask", "flags", "x", "y"])
        one = {name: values[rows] for name, values in one.items()}
        parts = []
        for k in range(self.options.turns + 1):
            image, mask, x, y = turn_cutouts(
                one["image"], one["mask"], one["x"], one["y"], k, self.options.turns
            )
            part = {"image": image, "mask": mask, "x": x, "y": y}
            parts.append(part | {"rms": one["rms"], "flags": one["flags"]})
        arrays = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        arrays["row"] = np.arange(len(arrays["image"]))
        arrays["id"] = arrays["row"].astype(str)
        shards.write_shard(path, arrays, {"galaxies": len(rows)})
        return path

    def denoised(self, new: set, source: Path) -> Path:
        """Shard of denoised galaxies, from the network trained on the set's cutouts."""
        kind = f"{'mask' if 'cutout' in new else 'keep'}-{'new' if 'denoiser' in new else 'dense'}"
        path = self.work / f"denoised-{source.stem}-{kind}.h5"
        if path.exists():
            return path
        weights = self.work / f"denoiser-{kind}.safetensors"
        history, options = weights.with_suffix(".csv"), self.options
        trained = options.field / "model/denoiser.safetensors"
        own = "denoiser" in new and options.set == "demo" and trained.exists()
        if own and source == self.cutouts(True):
            # The run of the field has already denoised them.
            paths = sorted((options.field / "denoised").glob("*.h5"))
            shards.write_shard(path, shards.concatenate(paths, ["row", "id", "image"]))
            return path
        scheme, scaling = kind_of(new, "denoiser"), kind_of(new, "cutout")
        if not own and not weights.exists():
            cut = [self.cutouts("cutout" in new)]
            latent = DEFAULT["denoiser"]["latent"] if "denoiser" in new else options.latent
            train = denoisers.SCHEMES[scheme].train
            train(cut, weights, history, latent, options.epochs, 0, scaling)
        began = time.process_time()
        model = denoisers.SCHEMES[scheme].load(trained if own else weights)
        denoisers.denoise_shard(scheme, model, source, path, scaling)
        self.note(f"denoise {kind}", began, shards.count_rows(path))
        return path

    def features(self, new: set, source: Path) -> np.ndarray:
        """Features (N, D) of a shard of cutouts."""
        denoised = self.denoised(new, source)
        scheme, inputs = kind_of(new, "polar"), kind_of(new, "input")
        kind = f"{denoised.stem}-{scheme}-{'new' if 'input' in new else 'plain'}"
        path = self.work / f"features-{kind}.h5"
        if not path.exists():
            began = time.process_time()
            place = shards.read_shard(source, ["row", "id", "mask", "flags", "x", "y"])
            polar = polar_pictures.unwrap(scheme, shards.read_shard(denoised), place)
            model, card = encoder_weights.load_encoder(*self.weights)
            turns = DEFAULT["encoder"]["rotations"] if "input" in new else 1
            rows = encoding.encode(polar, model, card, "auto", turns, 1, inputs)
            names = {name: place[name] for name in ("row", "id")}
            shards.write_shard(path, names | {"embedding": rows})
            self.note(f"encode {scheme} {inputs}", began, len(rows))
        return shards.read_shard(path, ["embedding"])["embedding"]

    def row(self, new: set) -> dict:
        """One row of the table."""
        source = self.cutouts("cutout" in new)
        features = self.features(new, source)
        turned = self.features(new, self.turned("cutout" in new))
        known = np.isfinite(features).all(axis=1)
        share = (
            DEFAULT["pca"]["components"]
            if "pca" in new
            else max(round(PUBLISHED_SHARE * features.shape[1]), 2)
        )
        began = time.process_time()
        model = pca.fit_pca(features[known], share)
        points = pca.project(features[known], model)
        scheme = kind_of(new, "vote")
        runs = [self.vote(points, scheme, seed) for seed in range(self.options.seeds)]
        seconds = (time.process_time() - began) / len(points) / len(runs)
        nulls = [
            self.vote(controls.null_sample(points, seed), scheme, seed)["kept"].mean()
            for seed in range(self.options.draws)
        ]
        label = shards.read_shard(source, ["label"])["label"].astype(str)[known]
        turned = pca.project(turned, model)
        turned = turned.reshape(self.options.turns + 1, -1, turned.shape[1])
        usable = np.isfinite(turned).all(axis=(0, 2))
        turned = turned[:, usable]
        row = {"galaxies": len(points), "components": points.shape[1]}
        row |= compare_vote(runs, nulls, label)
        row["rotation"] = rotation_retrieval(turned[0], turned[1:])
        kind = f"{'mask' if 'cutout' in new else 'keep'}-{'new' if 'denoiser' in new else 'dense'}"
        parts = (f"denoise {kind}", f"encode {kind_of(new, 'polar')} {kind_of(new, 'input')}")
        row["seconds"] = seconds + sum(self.seconds[part] for part in parts)
        return row

    def vote(self, points: np.ndarray, scheme: str, seed: int) -> dict:
        """One vote on components."""
        vote, groups = DEFAULT["voting"], self.options.groups
        scheme = votings.SCHEMES[scheme]
        fitted = scheme.fit(points, groups, vote["agreement"], seed, vote["voters"], 1)
        return scheme.cast(points, fitted)


def compare_vote(runs: list[dict], nulls: list[float], label: np.ndarray) -> dict:
    """Kept fraction, null, agreement with the true types and between seeds."""
    null = controls.mean_interval(nulls)
    row = {"kept": float(np.mean([run["kept"].mean() for run in runs]))}
    row |= {"null": null["mean"], "null_low": null["low"], "null_high": null["high"]}
    for part in ("all", "kept"):
        scores = []
        for run in runs:
            rows = (label != "") & (run["kept"] if part == "kept" else True)
            if rows.sum() > 10:
                found, kind = run["group"][rows], label[rows]
                scores.append(
                    (
                        adjusted_rand_score(kind, found),
                        adjusted_mutual_info_score(kind, found),
                        purity(kind, found),
                    )
                )
        means = np.mean(scores, axis=0) if scores else (np.nan,) * 3
        names = (f"ari_{part}", f"ami_{part}", f"purity_{part}")
        row |= dict(zip(names, map(float, means), strict=True))
    seeds, _ = controls.seed_stability(runs, runs[0]["counts"].shape[1])
    row["seed_ari_all"] = seeds["ari_all"]["mean"]
    kept = seeds["ari_kept"]["mean"]
    row["seed_ari_kept"] = np.nan if kept is None else kept
    return row


def purity(kind: np.ndarray, found: np.ndarray) -> float:
    """Share of galaxies that are of the commonest type in their group."""
    commonest = (np.unique(kind[found == g], return_counts=True)[1].max() for g in np.unique(found))
    return float(sum(commonest) / len(kind))


def page_table(rows: list[dict]) -> str:
    """The table for the documentation."""
    heads = ["arm", "kept", "null (95 %)", "ARI", "AMI", "purity", "purity kept",
             "seeds, kept", "rotation", "s"]  # fmt: skip
    lines = []
    for row in rows:
        null = f"{row['null']:.2f} ({row['null_low']:.2f}-{row['null_high']:.2f})"
        names = ("ari_all", "ami_all", "purity_all", "purity_kept", "seed_ari_kept", "rotation")
        numbers = [row[name] for name in names]
        lines.append([row["arm"], row["kept"], null, *numbers, f"{row['seconds']:.3f}"])
    return markdown(heads, lines)


def main() -> None:
    """Go from the published arm to the default step by step, and write the table."""
    parser = new_parser(__doc__, FIGURES / "compare.csv")
    parser.add_argument("--set", choices=("demo", "ceers", "hst_zoo"), default="demo")
    parser.add_argument("--field", type=Path, default=DEMO)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--work", type=Path, default=WORK / "compare")
    parser.add_argument("--encoder", default="bundled")
    parser.add_argument("--latent", type=int, default=40, help="latent size, dense autoencoder")
    parser.add_argument("--epochs", type=int, default=8, help="of denoisers trained here")
    parser.add_argument("--groups", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--draws", type=int, default=5, help="draws of the null")
    parser.add_argument("--turned", type=int, default=32, help="number of galaxies to turn")
    parser.add_argument("--turns", type=int, default=8)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--ends", action="store_true", help="only published and default")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    ladder, rows = Ladder(options), []
    for count in range(len(STEPS) + 1):
        if options.ends and 0 < count < len(STEPS):
            continue
        arm = "published" if not count else f"+ {STEPS[count - 1]}"
        arm = "default" if count == len(STEPS) else arm
        row = {"set": options.set, "encoder": options.encoder, "arm": arm}
        rows.append(row | ladder.row(set(STEPS[:count])))
        print_row(rows[-1])
    write_table(options.output, rows)
    print(page_table(rows))


if __name__ == "__main__":
    main()
