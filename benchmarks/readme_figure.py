"""Make the README's picture from a finished demo run: its explore page, in a browser.

python benchmarks/readme_figure.py [results/demo]
"""

import base64
import io
import json
import tempfile
from pathlib import Path

from common import DEMO, FIGURES, new_parser
from browser import Browser
from PIL import Image

SIZE = (1280, 760)
# The map about the galaxy is this much larger than the whole.
ZOOM = 5
# A spiral of the demo.
GALAXY = "209504"


def readme_figure(page: Path, galaxy: str) -> Image.Image:
    """The explore page with one galaxy chosen, and the map about it in pictures."""
    with tempfile.TemporaryDirectory() as folder, Browser(Path(folder), SIZE) as browser:
        browser.open(page)
        index = browser.run(f"ids.map(String).indexOf({json.dumps(galaxy)})")
        browser.run(f"go({index}); centreOn({index}); zoomBy({ZOOM})")
        browser.run("new Promise((done) => setTimeout(done, 1500))")
        taken = browser.send("Page.captureScreenshot", format="png")
    picture = Image.open(io.BytesIO(base64.b64decode(taken["data"]))).convert("RGB")
    # Grey noise needs no more colours, and a third of the bytes.
    return picture.quantize(128, dither=Image.Dither.NONE)


def main() -> None:
    """Make the picture."""
    parser = new_parser(__doc__, FIGURES / "readme.png")
    parser.add_argument("field", type=Path, nargs="?", default=DEMO)
    parser.add_argument("--galaxy", default=GALAXY, help="ID of the galaxy that is chosen")
    options = parser.parse_args()
    readme_figure(options.field / "explore.html", options.galaxy).save(
        options.output, optimize=True
    )


if __name__ == "__main__":
    main()
