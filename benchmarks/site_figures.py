"""Make the first figures of the pages on method and classes from a finished demo run.

python benchmarks/site_figures.py [results/demo]
"""

from pathlib import Path

import numpy as np
from common import DEMO, FIGURES, new_parser
from matplotlib.figure import Figure
from PIL import Image

from morphovote.catalogue.reading import read_catalogue
from morphovote.polar.schemes import unwrap
from morphovote.report.figures.classes import choose_class_members, plot_classes
from morphovote.report.figures.style import save_figure, styled
from morphovote.report.stamps import read_stamps, stretch
from morphovote.storage.shards import read_shard

CLASSES = ("SPH", "LTD")
# Of the galaxies that are shown.
BRIGHT = 60
# Pictures of each class: one row.
MEMBERS = 12
# Of the files, px.
WIDE = {"method": 640, "class_examples": 900}


def choose(table) -> list[int]:
    """Of each class the largest bright galaxy that has no flag."""
    found = []
    for name in CLASSES:
        fit = (table["CLASS"] == name) & (table["FLAGS"] == 0)
        fit = np.flatnonzero(np.asarray(fit & (table["SNR"] > BRIGHT)))
        found.append(int(fit[np.argmax(table["R_E"][fit])]))
    return found


@styled
def method_figure(table, cutouts: dict, denoised: dict) -> Figure:
    """Cutout, denoised cutout and polar picture of a galaxy of some classes, one a row."""
    rows = choose(table)
    own = {name: array[rows] for name, array in cutouts.items()}
    polar = unwrap("moments", {"image": denoised["image"][rows]}, own)
    figure = Figure(figsize=(5.2, 1.45 * len(rows) + 0.3), layout="compressed")
    axes = figure.subplots(len(rows), 3, squeeze=False, width_ratios=(1, 1, 1.5))
    for n, row in enumerate(rows):
        sky = float(np.median(cutouts["rms"][row]))
        bright = float(np.percentile(cutouts["image"][row], 99.9))
        stamps = (cutouts["image"][row], denoised["image"][row])
        pictures = [*(stretch(one.astype(float), sky, bright) for one in stamps), polar["image"][n]]
        for part, picture in zip(axes[n], pictures, strict=True):
            part.imshow(picture, origin="lower", cmap="gray_r", vmin=0, vmax=1)
            part.set(xticks=[], yticks=[])
        axes[n, 0].set_ylabel(str(table["CLASS"][row]))
        axes[n, 2].set_ylabel("radius")
    axes[0, 0].set_title("cutout")
    axes[0, 1].set_title("denoised")
    axes[0, 2].set_title("unwrapped, as encoded")
    axes[-1, 2].set_xlabel("angle")
    return figure


def save_small(figure: Figure, path: Path) -> None:
    """Save a figure in few greys and half as many pixels: most of it is noise."""
    save_figure(figure, path)
    with Image.open(path) as full:
        wide = WIDE[path.stem]
        size = (wide, round(full.height * wide / full.width))
        small = full.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    small.quantize(128, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
        path, optimize=True
    )


def main() -> None:
    """Make the figures."""
    parser = new_parser(__doc__, FIGURES)
    parser.add_argument("field", type=Path, nargs="?", default=DEMO)
    options = parser.parse_args()
    table = read_catalogue(options.field / "catalogue.fits")
    cutouts, denoised = (
        sorted((options.field / name).glob("*.h5")) for name in ("cutouts", "denoised")
    )
    members = choose_class_members(table, 0, MEMBERS)
    rows = np.concatenate(list(members.values()))
    stamps = (read_stamps(cutouts, name, rows) for name in ("image", "rms"))
    figure, _ = plot_classes(table, members, *stamps)
    save_small(figure, options.output / "class_examples.png")
    names = ("image", "rms", "mask", "flags", "x", "y")
    both = read_shard(cutouts[0], names), read_shard(denoised[0], ("image",))
    save_small(method_figure(table, *both), options.output / "method.png")


if __name__ == "__main__":
    main()
