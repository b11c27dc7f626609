"""How fast the page to look at galaxies opens and moves, in a headless Chromium.

Made-up fields of 5,000, 20,000 and 100,000 galaxies, with 45 columns of a source catalogue beside
those of the workflow. A page is open when its map is drawn; a galaxy is found when its pictures are
there. For the frames a second (the browser shows at most 60) the whole map is moved and drawn again
300 times at 1280 x 720 pixels, without a graphics card. Run it on a machine that does nothing else.
"""

import shutil
import time

import common
import numpy as np
import pyarrow
import pyarrow.parquet
from browser import Browser
from explore_field import build_page, write_field
from tables import write_table

COLUMNS = 45
FRAMES = """(async () => {
  const times = [];
  home();
  let before = performance.now();
  for (let k = 0; k < 320; k++) {
    panBy(k % 2 ? 3 : -3, 0);
    await new Promise((done) => requestAnimationFrame(done));
    const now = performance.now();
    times.push(now - before);
    before = now;
  }
  return times.slice(20);
})()"""


def make_page(folder, count: int) -> None:
    """A made-up field of so many galaxies, and its page."""
    write_field(folder, count)
    path, random = folder / "catalogue.parquet", np.random.default_rng(0)
    table = pyarrow.parquet.read_table(path)
    for number in range(COLUMNS):
        values = random.normal(size=count).astype(np.float32)
        table = table.append_column(f"C{number}", pyarrow.array(values))
    pyarrow.parquet.write_table(table, path)
    build_page(folder)


def measure(folder) -> dict:
    """Size (MB), seconds until the map is drawn, and frames a second (median, 5th percentile)."""
    page = folder / "explore.html"
    with Browser(folder, (1280, 720)) as browser:
        before = time.monotonic()
        browser.open(page)
        browser.run(
            "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )
        opened = time.monotonic() - before
        before = time.monotonic()
        browser.run("go(N - 1)")
        browser.until(lambda: browser.run("Boolean(pixelsOf(panel.current))"))
        shown = time.monotonic() - before
        frames = browser.run(FRAMES)
        drawn = browser.run("[...Array(N).keys()].filter(isDrawn).length")
    return {
        "page_mb": round(page.stat().st_size / 1e6, 1),
        "open_s": round(opened, 2),
        "found_s": round(shown, 2),
        "drawn": drawn,
        "frames": round(1000 / float(np.median(frames)), 1),
        "frames_5th": round(1000 / float(np.quantile(frames, 0.95)), 1),
    }


def main() -> None:
    parser = common.new_parser(__doc__, common.WORK / "explore_speed.csv")
    parser.add_argument("--galaxies", type=int, nargs="+", default=[5_000, 20_000, 100_000])
    options = parser.parse_args()
    rows = []
    for count in options.galaxies:
        folder = common.WORK / f"explore_speed/{count}"
        shutil.rmtree(folder, ignore_errors=True)
        make_page(folder, count)
        rows.append({"galaxies": count} | measure(folder))
        print(rows[-1], flush=True)
    write_table(options.output, rows)


if __name__ == "__main__":
    main()
