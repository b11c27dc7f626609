"""Make the README's figure from a finished demo run.

python benchmarks/readme_figure.py [results/demo]
"""

from pathlib import Path

from common import DEMO, FIGURES, new_parser
from PIL import Image

WIDTH, HEIGHT = 1000, 560


def readme_figure(results: Path) -> Image.Image:
    """Top of the gallery of groups, scaled down for the README."""
    with Image.open(results / "figures/galleries.png") as gallery:
        height = round(gallery.height * WIDTH / gallery.width)
        small = gallery.convert("RGB").resize((WIDTH, height), Image.Resampling.LANCZOS)
    return small.crop((0, 0, WIDTH, min(height, HEIGHT)))


def main() -> None:
    """Make the figure."""
    parser = new_parser(__doc__, FIGURES / "readme.png")
    parser.add_argument("field", type=Path, nargs="?", default=DEMO)
    options = parser.parse_args()
    readme_figure(options.field).save(options.output, optimize=True)


if __name__ == "__main__":
    main()
