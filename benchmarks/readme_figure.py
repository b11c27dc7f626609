"""Make docs/figures/readme.png from a finished demo run: python docs/readme_figure.py."""

import sys
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
WIDTH, HEIGHT = 1000, 560


def readme_figure(results: Path) -> Image.Image:
    """Top of the gallery of groups, small enough for a README."""
    with Image.open(results / "figures/galleries.png") as gallery:
        height = round(gallery.height * WIDTH / gallery.width)
        small = gallery.convert("RGB").resize((WIDTH, height), Image.Resampling.LANCZOS)
    return small.crop((0, 0, WIDTH, min(height, HEIGHT)))


if __name__ == "__main__":
    results = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "results/demo"
    readme_figure(results).save(ROOT / "docs/figures/readme.png", optimize=True)
