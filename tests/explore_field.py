"""A made-up field as the explore page reads it: galaxies, pictures, votes, names."""

from pathlib import Path

import numpy as np
from astropy.table import Table
from paths import ROOT

from morphovote.catalogue.fits_file import write_fits
from morphovote.catalogue.parquet_file import write_parquet
from morphovote.catalogue.votable_file import write_votable
from morphovote.report import atlas, explore_page
from morphovote.storage import shards
from morphovote.vote import similarity

PAGES = ROOT / "workflow/report"
PARTS = ["data", "map", "pictures", "panel", "filters", "select", "label", "samp", "page"]
FILES = (
    PAGES / "explore.html.j2",
    [PAGES / f"{name}.css" for name in ("shared", "explore")],
    [PAGES / "shared.js", *(PAGES / f"explore/{name}.js" for name in PARTS)],
)
GROUPS, SIDE = 4, 24
NAMES = {"origin": "suggestion", "groups": {n: {"class": "SPH"} for n in range(GROUPS)}}


def catalogue(count: int, ids: list[str] | None = None) -> Table:
    """A catalogue in the order of its rows: class by turns, redshift rising with the row."""
    rng = np.random.default_rng(0)
    number = np.arange(count)
    table = Table(
        {
            "ID": [f"g{i:04d}" for i in number] if ids is None else ids,
            "RA": 150 + number * 0.001,
            "DEC": np.full(count, 2.0),
            "GROUP": (number % GROUPS).astype("i4"),
            "VOTE_FRACTION": rng.uniform(0.3, 1, count).astype("f4"),
            "KEPT": number % 2 == 0,
            "CLASS": np.array(["SPH", "ETD", "LTD", "IRR", "UNC"])[number % 5],
            "CLASS_PROB": rng.uniform(0.2, 1, count).astype("f4"),
            "STRANGENESS": rng.uniform(0, 1, count).astype("f4"),
            "FLAGS": np.where(number % 7 == 0, 2, 0).astype("i4"),
            "SNR": rng.uniform(3, 60, count).astype("f4"),
            "GINI": rng.uniform(0.3, 0.7, count).astype("f4"),
            "M20": rng.uniform(-2.5, -1, count).astype("f4"),
            "MEASURE_FLAG": np.zeros(count, "i4"),
            "BIG": number + 2**60,
            "Z": np.linspace(0, 1.2, count) if count else np.zeros(0),
        }
    )
    table["RA"].unit = table["DEC"].unit = "deg"
    return table


def sources(table: Table) -> Table:
    """Properties of the source list of a catalogue."""
    count = len(table)
    nothing = np.full(count, np.nan, "f4")
    return Table(
        {
            "MAG": np.linspace(20, 25, count).astype("f4"),
            "REDSHIFT": np.asarray(table["Z"], "f4"),
            "LOG_MASS": nothing, "U_V": nothing, "V_J": nothing,
        }
    )  # fmt: skip


def write_field(folder: Path, count: int = 60, ids: list[str] | None = None) -> Path:
    """Write the files that the page is made of into a folder."""
    rng = np.random.default_rng(1)
    table, rows = catalogue(count, ids), np.arange(count)
    folder.mkdir(parents=True, exist_ok=True)
    write_parquet(folder / "catalogue.parquet", table)
    write_votable(folder / "catalogue.vot", table)
    write_fits(folder / "sources.fits", sources(table))
    with_extension(folder / "sources.fits")
    names = np.array([str(name) for name in table["ID"]], dtype=object)
    points = rng.normal(size=(count, 5)).astype("f4") + 3 * (rows % GROUPS)[:, None]
    attributes = {"size": SIDE, "pixel_scale": 0.05}
    image = rng.normal(size=(count, SIDE, SIDE)).astype("f4")
    image[:, 8:16, 8:16] += 20
    clean = np.zeros_like(image)
    clean[:, 8:16, 8:16] = 20
    base = {"row": rows, "id": names}
    maps = {"image": image, "rms": np.ones_like(image), "arcs": np.zeros_like(image)}
    # A hidden arc of the galaxy with the most isolated picture.
    maps["arcs"][-1:, 3:5, 4:20] = 15
    shards.write_shard(folder / "cutouts/00000.h5", base | maps, attributes)
    shards.write_shard(folder / "denoised/00000.h5", base | {"image": clean}, attributes)
    shards.write_shard(folder / "components.h5", base | {"component": points})
    isolated = np.linspace(1, 2, count).astype("f4")
    candidate = similarity.choose_candidates(isolated, 0)
    pool = candidate > 0
    found, away = similarity.find_similar(points, rows, points[pool], rows[pool])
    near = {"neighbour": found, "distance": away, "candidate": candidate, "isolation": isolated}
    near["strangeness"] = np.asarray(table["STRANGENESS"])
    shards.write_shard(folder / "neighbours.h5", base | near)
    votes = np.zeros((count, GROUPS), "i2")
    votes[rows, rows % GROUPS] = 7
    shards.write_shard(folder / "votes.h5", base | {"counts": votes})
    (folder / "to_label.csv").write_text("ID,RANDOM\n")
    return folder


def with_extension(path: Path) -> None:
    """Name the table as the source list is named."""
    from astropy.io import fits

    with fits.open(path, mode="update") as file:
        file[1].name = "SOURCES"


def build_page(folder: Path, field: str = "made", index=None) -> dict:
    """Build explore.html in the folder, and return its data."""
    count = shards.count_rows(folder / "components.h5")
    index = np.arange(min(count, 5000)) if index is None else index
    rng = np.random.default_rng(2)
    position = rng.normal(size=(len(index), 2)) + 5 * (index % GROUPS)[:, None]
    files = (folder / "neighbours.h5", folder / "components.h5")
    shown = explore_page.read_shown(*files, index, position)
    stages = [[folder / f"{name}/00000.h5"] for name in ("cutouts", "denoised")]
    pictures = atlas.build_atlas(*stages, shown["row"], folder / "explore")
    tables = [folder / name for name in ("catalogue.parquet", "sources.fits", "votes.h5")]
    data = explore_page.page_data(field, shown, *tables, NAMES, pictures, folder / "to_label.csv")
    page = explore_page.render_explore_page(*FILES, data, pictures)
    (folder / "explore.html").write_text(page, encoding="utf-8")
    return data
