"""Code blocks of the pages Start and Your field, and files as these blocks want them."""

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import yaml
from astropy.io import fits
from astropy.table import Table
from bad_input import SIDE, gauss, header, pixels, sky
from paths import ROOT

PAGES = ("start", "surveys", "fields", "explore", "naming", "frozen", "cluster", "scale", "cosmos")
# What stands for a part of a file's name that a pattern leaves open.
STANDS = {"*": "7", "[4-6]": "5"}
NOISE = {"rms": ("ERR", 1.0), "weight": ("WHT", 1.0)}


class Block(NamedTuple):
    """A block, and where it stands."""

    page: str
    line: int
    language: str
    text: str


def blocks(*languages: str) -> list[Block]:
    """Blocks of these languages ("" for commands), in the order of the pages."""
    found = []
    for page in PAGES:
        text = (ROOT / f"docs/{page}.md").read_text(encoding="utf-8")
        for part in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S):
            line = text[: part.start()].count("\n") + 1
            found.append(Block(page, line, part[1], part[2]))
    return [block for block in found if block.language in languages]


def entries(block: Block) -> list[dict]:
    """Configs that a block of YAML gives, one for each of the alternatives that it lists.

    A block that gives an entry of a field becomes the config of a field `mine`.
    """
    if not block.text.startswith(" "):
        return [yaml.safe_load(block.text)]
    keys = re.findall(r"^    (\w+):", block.text, re.M)
    texts = [block.text] if len(set(keys)) == len(keys) else block.text.splitlines()
    return [{"fields": {"mine": yaml.safe_load(text)}} for text in texts]


def name_of(pattern: str) -> tuple[Path, str]:
    """A file that a pattern finds, and the plane that is chosen in it."""
    path, _, plane = pattern.partition("[") if pattern.endswith("]") else (pattern, "", "")
    for sign, stands in STANDS.items():
        path = path.replace(sign, stands)
    return Path(path), plane.rstrip("]")


def complete(field: dict) -> dict:
    """An entry with the images and the catalogue that it takes for granted, if it does."""
    if not {"images", "cutouts", "simulate"} & set(field):
        # Of PSFs that are one for each image, the images lie beside them.
        where = field.get("psf", "").replace("psf_", "sci_")
        field = {"images": where if where.count("*") > 1 else "data/*_sci.fits"} | field
        if "physical" in field or "labels" in field:
            field["catalogue"] = "data/sources.fits"
    return field


def make_files(field: dict) -> None:
    """Write the files that an entry names, here: two galaxies, in planes as surveys have them."""
    planes: dict[Path, list[tuple[str, np.ndarray]]] = {}
    for role in ("images", "rms", "weight"):
        if role in field:
            path, chosen = name_of(field[role])
            data = pixels() if role == "images" else np.ones((SIDE, SIDE), np.float32)
            own = "SCI" if role == "images" else NOISE[role][0]
            planes.setdefault(path, []).append((own, data))
            if "," in chosen:
                # The chip before it, which is not wanted.
                planes[path].append((own, data + 1000))
    for path, listed in planes.items():
        _write_image(path, listed)
    if "psf" in field:
        _write_psf(*name_of(field["psf"]))
    if "cutouts" in field:
        folder, name = name_of(field["cutouts"])[0].parent, Path(field["cutouts"]).name
        folder.mkdir(parents=True, exist_ok=True)
        for number in (1, 2, 3):
            fits.writeto(folder / name.replace("*", str(number)), pixels(number), header())
    for given in (field, field.get("physical", {})):
        if "catalogue" in given:
            _write_catalogue(name_of(given["catalogue"])[0], given.get("columns", {}))
    for table in ("download", "labels"):
        if table in field:
            path = name_of(field[table])[0]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text({"download": "file,url,sha256\n", "labels": "ID,CLASS\n1,SPH\n"}[table])


def _write_image(path: Path, listed: list[tuple[str, np.ndarray]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    packed = path.suffix == ".fz"
    if len(listed) == 1 and not packed:
        fits.writeto(path, listed[0][1], header())
        return
    kind = fits.CompImageHDU if packed else fits.ImageHDU
    extra = {"quantize_level": 0.0} if packed else {}
    count: dict[str, int] = {}
    parts = [fits.PrimaryHDU()]
    # Of two chips the later one is the one that is chosen.
    for name, data in sorted(listed, key=lambda one: -one[1].mean()):
        count[name] = count.get(name, 0) + 1
        parts.append(kind(data, header(), name=name, **extra))
        parts[-1].ver = count[name]
    fits.HDUList(parts).writeto(path)


def _write_psf(path: Path, chosen: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".psf":
        data = np.array([(gauss(25)[None],)], dtype=[("PSF_MASK", "f4", (1, 25, 25))])
        model = fits.BinTableHDU(data, name="PSF_DATA")
        model.header.update({"POLNAXIS": 0, "PSF_SAMP": 1.0, "PSFNAXIS": 3})
        model.header.update({"PSFAXIS1": 25, "PSFAXIS2": 25, "PSFAXIS3": 1})
        model.writeto(path)
    elif chosen:
        blank = [fits.ImageHDU(gauss(25)) for _ in range(int(chosen))]
        fits.HDUList([fits.PrimaryHDU(), *blank]).writeto(path)
    else:
        fits.writeto(path, gauss(25))


def _write_catalogue(path: Path, columns: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    ours = sky(x=[60.0, 25.0], y=[60.0, 95.0], redshift=[0.5, 0.7], log_mass=[10.0, 10.5])
    wanted = columns or {"id": "id", "ra": "ra", "dec": "dec"}
    content = {column: ours[role] for role, column in wanted.items()}
    if path.suffix == ".h5":
        Table(content).write(path, path="catalogue")
    else:
        Table(content).write(path, format="ascii.csv" if path.suffix == ".csv" else "fits")
