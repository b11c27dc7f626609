"""Stability under rotation by number of encoder rotations, and where it is lost.

    python benchmarks/stability.py results/demo
    python benchmarks/stability.py results/demo --rotations 1 2 4 8 --turns 31

For each number of rotations the field is encoded again, and PCA and voters are fitted again, with
the settings of the run; the denoiser is that of the run. The 31 views (16 angles, each mirrored
or not) are spread over the sample, `--turns` to a galaxy. Writes stability_rotations.csv and .png,
stability_losses.csv, and, if the run has stability.h5, stability.png and .csv, to the folder
`--output`.
"""

import json
from pathlib import Path

import numpy as np
import torch
from common import DEMO, FIGURES, new_parser
from astropy.table import Table
from matplotlib.figure import Figure

from morphovote import flags
from morphovote.checks import stability
from morphovote.checks.perturbations import turn
from morphovote.checks.stability_scores import (
    SCORES,
    select,
    share_by_snr,
    share_of,
    summarise_stability,
)
from morphovote.denoise import recorrupted
from morphovote.denoise.network import load_denoiser
from morphovote.encode import encoding
from morphovote.encode.weights import load_encoder
from morphovote.polar import moments
from morphovote.reduce.pca import fit_pca, project
from morphovote.report.figures import stability as stability_figure
from morphovote.report.figures import style
from morphovote.storage import shards
from morphovote.storage.numbers import save_numbers
from morphovote.vote.bagged import fit_voters

FRAMES = ("same frame", "other end", "other hand", "other axis")


def unwrap(images: np.ndarray, cutouts: dict) -> dict[str, np.ndarray]:
    """Polar images of denoised pictures."""
    return moments.unwrap(images, cutouts["mask"], cutouts["x"], cutouts["y"])


def encode(images: np.ndarray, encoder: tuple, rotations: int, threads: int) -> np.ndarray:
    """Embeddings of polar images."""
    polar = {"image": images, "angle": np.zeros(len(images))}
    return encoding.encode(polar, *encoder, "auto", rotations, threads)


def expected_frame(own: dict, views: list, galaxy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Zero angle (rad) and hand (bool) of the views if these turned with the galaxy."""
    flipped = np.array([view.mirrored for view in views])
    turned = np.deg2rad([view.amount for view in views])
    angle = own["angle"][galaxy]
    return np.where(flipped, np.pi - angle, angle) + turned, own["mirrored"][galaxy] ^ flipped


def frame_changes(found: dict, angle: np.ndarray, mirrored: np.ndarray) -> np.ndarray:
    """Index into FRAMES of each view."""
    off = np.abs((found["angle"] - angle + np.pi) % (2 * np.pi) - np.pi)
    hand = found["mirrored"] != mirrored
    same, end = off < np.pi / 8, off > np.pi - np.pi / 8
    return np.select([same & ~hand, end & ~hand, (same | end) & hand], [0, 1, 2], 3)


def in_frame(clean: np.ndarray, views: dict, own: dict, galaxy, angle, mirrored) -> np.ndarray:
    """Polar images with pole, size, zero angle and hand turned along with the galaxy."""
    result = np.empty((len(clean), moments.RADII, moments.ANGLES), np.float32)
    for i in range(len(clean)):
        image = torch.from_numpy(clean[i : i + 1])
        mask = torch.from_numpy(views["mask"][i : i + 1])
        segment = (mask & flags.OWN) > 0
        image = image - moments.residual_sky(image, mask > 0)[:, None, None]
        pole = torch.from_numpy(views["pole"][i : i + 1])
        radius, zero, hand = (
            torch.tensor([float(value)])
            for value in (own["radius"][galaxy[i]], angle[i], 1 - 2 * mirrored[i])
        )
        sampled = moments.sample_polar(image, pole, radius, zero, hand)
        result[i] = moments.stretch_to_peak(sampled, moments.brightness_peak(image, segment))[
            0
        ].numpy()
    return result


def prepare(sample: dict, own: dict, denoiser, turns: int) -> tuple[np.ndarray, list, dict]:
    """All turns of a sample as polar images, made in several ways.

    Returns
    -------
    galaxy, views : each view's
    ways : dict
        Of arrays (V, 64, 96): 'as it is'; 'denoised, then turned', in which the denoiser never sees
        the interpolation; 'frame turned along', in which pole, size and zero angle are those of the
        unchanged galaxy. And `frame`, (V,), the index into FRAMES of each view.
    """

    def follow(changed: dict) -> np.ndarray:
        clean = recorrupted.denoise(denoiser, changed["image"], changed["rms"])
        found = unwrap(clean, changed)
        names = ("mask", "x", "y")
        kept.append({"clean": clean, **{name: changed[name] for name in names}, **found})
        return np.zeros(len(clean))

    def deal(place: int) -> list:
        every = stability.all_turns(place)
        return [every[(place + 7 * k) % len(every)] for k in range(turns)]

    kept: list[dict] = []
    galaxy, views, _ = stability.run_views(sample, deal, follow, 0)
    found = {name: np.concatenate([part[name] for part in kept]) for name in kept[0]}
    angle, mirrored = expected_frame(own, views, galaxy)
    clean = recorrupted.denoise(denoiser, sample["image"], sample["rms"])
    pole, late = np.empty((len(views), 2), np.float32), []
    for i, view in enumerate(views):
        one = {name: sample[name][galaxy[i]][None] for name in ("rms", "mask")}
        one |= {"image": clean[galaxy[i]][None]}
        one |= {name: sample[name][galaxy[i]][None] for name in ("x", "y")}
        turned = turn(one, view.amount, view.mirrored)
        late.append(turned)
        one |= {name: own[f"pole_{name}"][galaxy[i]][None] for name in ("x", "y")}
        moved = turn(one, view.amount, view.mirrored)
        pole[i] = moved["x"][0], moved["y"][0]
    found["pole"] = pole
    turned = {name: np.concatenate([one[name] for one in late]) for name in late[0]}
    return (
        galaxy,
        views,
        {
            "as it is": found["image"],
            "denoised, then turned": unwrap(turned["image"], turned)["image"],
            "frame turned along": in_frame(found["clean"], found, own, galaxy, angle, mirrored),
            "frame": frame_changes(found, angle, mirrored),
        },
    )


def rows_of(table: dict, rotations: int, way: str) -> list[tuple]:
    """Shares of exact and turned views, of all galaxies and of those kept."""
    result = []
    for kind in ("exact", "turned"):
        for which in ("all", "kept"):
            part = select(table, kind, kept=which == "kept")
            shares = [round(value, 4) for score in SCORES for value in share_of(part, score)]
            count = len(np.unique(part["row"]))
            result.append((rotations, way, kind, which, count, len(part["row"]), *shares))
    return result


@style.styled
def draw(tables: dict[int, dict]) -> Figure:
    """Retrieval and unchanged groups against S/N, by rotations."""
    figure = Figure(figsize=(style.WIDTH, 3.0))
    panels = figure.subplots(1, 3, sharey=True)
    plans = (
        ("nearest is itself", "retrieved", False, stability_figure.RETRIEVED_GOAL),
        ("kept: same group", "unchanged", True, stability_figure.UNCHANGED_GOAL),
        ("kept, new to the model", "unchanged_unseen", True, stability_figure.UNCHANGED_GOAL),
    )
    styles = zip(("#0072B2", "#E69F00", "#009E73", "#CC79A7"), "osD^", strict=True)
    for place, ((rotations, table), (colour, marker)) in enumerate(
        zip(tables.items(), styles, strict=False)
    ):
        for axes, (title, score, kept, goal) in zip(panels, plans, strict=True):
            bins = share_by_snr(select(table, "turned", kept=kept), score, 4)
            label = f"rotations: {rotations}"
            stability_figure.draw_shares(axes, bins, 1.06**place, label, colour, marker)
            axes.axhline(goal, color=style.MUTED, lw=0.8, ls=":")
            axes.set(title=title, xlabel="signal-to-noise ratio", xscale="log")
            style.plain_log_ticks(axes.xaxis)
    panels[0].set(ylim=(0, 1.03), ylabel="share of turned views")
    panels[0].legend(loc="lower left")
    return figure


def read_run(folder: Path, galaxies: int) -> dict:
    """Results of a finished field, and the sample of `galaxies` to turn."""
    paths = sorted((folder / "cutouts").glob("*.h5"))
    everything = shards.concatenate(paths, ["row", "snr", "flags", "mask", "x", "y"])
    images = shards.concatenate(sorted((folder / "denoised").glob("*.h5")), ["image"])["image"]
    usable = (everything["flags"] & flags.NO_DATA) == 0
    kept = shards.read_shard(folder / "votes.h5", ["kept"])["kept"]
    stability.SHARE, stability.LIMIT = 1.0, galaxies
    rows = stability.choose_sample(everything["snr"], kept, usable, 0)
    return {
        "config": json.loads((folder / "summary.json").read_text())["config"],
        "whole": unwrap(images, everything),
        "usable": usable,
        "rows": rows,
        "sample": stability.read_cutouts(paths, everything["row"][rows]),
    }


def fit_chain(run: dict, encoder: tuple, rotations: int, threads: int) -> tuple:
    """PCA, components (N, D) of the whole field and voters, with the settings of the run."""
    voting, usable = run["config"]["voting"], run["usable"]
    embeddings = encode(run["whole"]["image"], encoder, rotations, threads)
    pca = fit_pca(embeddings[usable], run["config"]["pca"]["components"])
    components = project(embeddings, pca)
    voters = fit_voters(
        components[usable],
        voting["groups"],
        voting["agreement"],
        voting["seed"],
        voting["voters"],
        quiet=True,
    )
    return pca, components, voters


def score_rotations(
    run: dict, turned: tuple, encoder: tuple, rotations: int, ways: list[str], threads: int
) -> dict[str, dict]:
    """Tables of the turned views: way -> columns of `stability.tabulate` and `score_views`."""
    galaxy, views, pictures = turned
    rows, usable = run["rows"], run["usable"]
    pca, components, voters = fit_chain(run, encoder, rotations, threads)
    was_kept = stability.cast_votes(components[rows], voters)["kept"]
    tables = {}
    for way in ways:
        moved = project(encode(pictures[way], encoder, rotations, threads), pca)
        scores = stability.score_views(moved, galaxy, components[rows], components[usable], voters)
        tables[way] = stability.tabulate(views, galaxy, run["sample"], was_kept) | scores
    return tables


def losses_of(table: dict, frame: np.ndarray, rotations: int) -> list[tuple]:
    """Shares of turned views by the change of their frame."""
    result = []
    for i, name in enumerate(FRAMES):
        chosen = (frame == i) & (table["kind"] == "turned")
        shares = [table[score][chosen].mean() if chosen.any() else np.nan for score in SCORES]
        result.append((rotations, name, int(chosen.sum()), *np.round(shares, 4)))
    return result


def redraw_check(folder: Path, output: Path) -> None:
    """Figure and table of the run's own stability check, if it has one."""
    path = folder / "stability.h5"
    if path.exists():
        table = shards.read_shard(path)
        summary = summarise_stability(table, shards.read_attributes(path))
        figure, numbers = stability_figure.plot_stability(table, summary)
        style.save_figure(figure, output / "stability.png")
        save_numbers(numbers, output / "stability.csv")


def main() -> None:
    """Turn, encode, score, and write tables and figures."""
    parser = new_parser(__doc__, FIGURES)
    parser.add_argument("field", type=Path, nargs="?", default=DEMO, help="a finished field")
    parser.add_argument("--encoder", type=Path, help="folder of encoder.safetensors and .json")
    parser.add_argument("--rotations", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--galaxies", type=int, default=84)
    parser.add_argument("--turns", type=int, default=8, help="views of each galaxy, 31 at most")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    folder = options.encoder or options.field.parent / "encoder"
    encoder = load_encoder(folder / "encoder.safetensors", folder / "encoder.json")
    denoiser = load_denoiser(options.field / "model/denoiser.safetensors")
    run = read_run(options.field, options.galaxies)
    own = {name: array[run["rows"]] for name, array in run["whole"].items()}
    turned = prepare(run["sample"], own, denoiser, options.turns)
    frame = turned[2].pop("frame")
    tables, found, losses = {}, [], []
    for rotations in options.rotations:
        # The other ways are compared only for the first number of rotations.
        ways = list(turned[2]) if rotations == options.rotations[0] else ["as it is"]
        scored = score_rotations(run, turned, encoder, rotations, ways, options.threads)
        for way, table in scored.items():
            found += rows_of(table, rotations, way)
        tables[rotations] = scored["as it is"]
        losses += losses_of(tables[rotations], frame, rotations)
        print(f"rotations {rotations}: done", flush=True)
    names = [f"{score}{end}" for score in SCORES for end in ("", "_low", "_high")]
    head = ("rotations", "way", "kind", "galaxies", "count", "views", *names)
    shares = Table(rows=found, names=head)
    losses = Table(rows=losses, names=("rotations", "frame", "views", *SCORES))
    for table, name in ((shares, "stability_rotations"), (losses, "stability_losses")):
        table.pprint_all()
        save_numbers(table, options.output / f"{name}.csv")
    style.save_figure(draw(tables), options.output / "stability_rotations.png")
    redraw_check(options.field, options.output)


if __name__ == "__main__":
    main()
