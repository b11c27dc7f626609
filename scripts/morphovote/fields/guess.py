"""What the files of a folder are: the entry of a field, guessed from names and headers."""

from glob import escape, glob
from itertools import takewhile
from pathlib import Path

from astropy.io import fits

from morphovote.errors import InputError
from morphovote.fields.catalogues import column_names
from morphovote.fields.planes import is_plane, kind_of, kind_of_file, plane_shape

TABLES = (".csv", ".ecsv", ".cat", ".tbl", ".vot", ".xml", ".parquet", ".h5", ".hdf5")
# Keys of a field, and the kinds of planes that serve them.
KEYS = {"images": ("image",), "rms": ("rms", "variance"), "weight": ("weight",), "psf": ("psf",)}
# What catalogues call their columns, in small letters; the first that is there is taken.
USUAL = {
    "id": ("id", "number", "source_id", "object_id", "objid", "label"),
    "ra": ("ra", "alpha_j2000", "alphawin_j2000", "raj2000", "ra_deg", "sky_centroid.ra"),
    "dec": ("dec", "delta_j2000", "deltawin_j2000", "dej2000", "dec_deg", "sky_centroid.dec"),
    "mag": ("mag", "mag_auto", "mag_iso", "kron_mag"),
    "redshift": ("redshift", "z_best", "z_phot", "zphot", "photoz", "z"),
    "log_mass": ("log_mass", "logmass", "lmass", "mass_med"),
}
# Images up to this side (px), several of them, are cutouts of single galaxies.
LARGEST_CUTOUT = 400


def guess_entry(folder: str | Path) -> dict:
    """Guess a field's entry in the config from the files in a folder.

    Parameters
    ----------
    folder : path
        Its files are looked at, not those of folders in it.

    Returns
    -------
    dict
        `images` or `cutouts`, and of `rms`, `weight`, `psf`, `catalogue` and `columns` what is
        there; paths and patterns begin with `folder`.

    Raises
    ------
    InputError
        If there is no image, or no pattern that finds all images and nothing else.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder. Give the one with your images.")
    kinds: dict[str, list[Path]] = {}
    planes, largest = set(), 0
    for path in sorted(folder.iterdir()):
        kind, inside, side = _look(path)
        kinds.setdefault(kind, []).append(path)
        if kind == "image":
            planes |= inside
            largest = max(largest, side)
    images = kinds.get("image", [])
    if not images:
        raise InputError(
            f"{folder}: found no FITS image in it, expected those of one filter. Give the folder "
            "that holds them."
        )
    cut = len(images) > 1 and largest <= LARGEST_CUTOUT
    entry = {"cutouts" if cut else "images": _pattern(images)}
    for key, served in KEYS.items():
        files = [path for kind in served for path in kinds.get(kind, [])]
        if key in ("rms", "weight") and {"rms", "weight"} & set(entry):
            continue
        if key != "images" and files:
            entry[key] = _pattern(files)
        elif key in ("rms", "weight") and planes & set(served):
            entry[key] = _pattern(images)
    tables = kinds.get("table", [])
    if kinds.get("psfex") and "psf" not in entry:
        entry["psf"] = _pattern(kinds["psfex"])
    if tables:
        entry |= _catalogue(max(tables, key=lambda path: path.stat().st_size))
    return entry


def _look(path: Path) -> tuple[str, set[str], int]:
    """What a file is; of an image also the kinds of its planes, and its longest side."""
    if path.suffix in TABLES:
        return "table", set(), 0
    if path.suffix == ".psf":
        return "psfex", set(), 0
    if ".fit" not in path.name:
        return "other", set(), 0
    try:
        with fits.open(path) as hdus:
            found = [hdu for hdu in hdus if hdu.is_image and hdu.shape and is_plane(hdu)]
            if not found:
                return "table", set(), 0
            inside = {kind_of(hdu) for hdu in found}
            alone = kind_of(found[0], hdus[0].header) if len(found) == 1 else None
            side = max(max(plane_shape(hdu)) for hdu in found)
    except OSError as error:
        raise InputError(f"{path}: not a readable FITS file ({error}). Fetch it again.") from None
    named = kind_of_file(path.name)
    kind = named or alone or ("psf" if "psf" in inside and "image" not in inside else "image")
    return kind, inside, side


def _pattern(paths: list[Path]) -> str:
    """The pattern that finds these files of one folder, and no others."""
    names = [path.name for path in paths]
    if len(names) == 1:
        return str(paths[0])
    start = _same(names)
    end = _same([name[len(start) :][::-1] for name in names])[::-1]
    pattern = str(paths[0].parent / f"{start}*{end}")
    others = sorted(
        set(glob(f"{escape(str(paths[0].parent))}/{start}*{end}")) - set(map(str, paths))
    )
    if others:
        raise InputError(
            f"{pattern}: finds {names[0]}, but also {Path(others[0]).name}, which is of another "
            "kind. Rename the files so that one pattern finds those of a kind, or write the "
            "config by hand."
        )
    return pattern


def _same(names: list[str]) -> str:
    """The letters with which all names begin."""
    letters = zip(*names, strict=False)
    return "".join(one[0] for one in takewhile(lambda several: len(set(several)) == 1, letters))


def _catalogue(path: Path) -> dict:
    """Catalogue and the columns that are known by their names."""
    own = {name.lower(): name for name in reversed(column_names(path))}
    columns = {
        role: own[next(filter(own.__contains__, usual))]
        for role, usual in USUAL.items()
        if any(name in own for name in usual)
    }
    return {"catalogue": str(path)} | ({"columns": columns} if columns else {})
