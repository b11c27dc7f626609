"""Files that the configuration names: found and checked before the first job starts."""

import csv
import fnmatch
import glob
import json
import os
import re
from collections.abc import Collection, Iterable
from pathlib import Path

from morphovote.errors import InputError
from morphovote.storage.project import PROJECT
from morphovote.storage.yaml_files import load_yaml

DOWNLOAD_COLUMNS = ("file", "url", "sha256")
# The encoder that comes with the project, and the longest header of such a file, bytes.
BUNDLED = PROJECT / "resources/encoder/encoder.safetensors"
MOST_HEADER = 100_000_000


def read_yaml(path: str | Path) -> dict:
    """Read a YAML file.

    Raises
    ------
    InputError
        If it is not YAML, or gives a key twice, naming the line, or is not a table of keys.
    """
    content = load_yaml(path)
    if not isinstance(content, dict):
        raise InputError(f"{path}: found no table of keys, expected 'fields:' with entries below."
                         " Write one, or start from the project's config.yaml.")  # fmt: skip
    return content


def check_config_files(paths: Iterable[str | Path]) -> None:
    """Read the config files that Snakemake reads itself: it would not say where a mistake is.

    Raises
    ------
    InputError
        See `read_yaml`; for JSON as well, which Snakemake tries first.
    """
    for path in paths:
        try:
            json.loads(Path(path).read_text(encoding="utf-8"), object_pairs_hook=_only_once)
        except KeyError as error:
            raise InputError(
                f"{path}: the key {error} is given twice, expected once. Join the two, or rename "
                "or remove one."
            ) from error
        except (OSError, ValueError):
            read_yaml(path)


def _only_once(pairs: list[tuple]) -> dict:
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise KeyError(name)
    return dict(pairs)


def check_results() -> None:
    """Stop if the results cannot be written, before any job starts."""
    results = Path("results")
    if results.is_symlink() and not results.exists():
        found = f"a link to {os.readlink(results)}, which does not exist"
    elif results.exists() and not results.is_dir():
        found = "a file"
    elif not os.access(results if results.exists() else ".", os.W_OK | os.X_OK):
        found = "a folder without write permission"
    else:
        return
    raise InputError(
        f"{results.absolute()}: found {found}, expected a folder for the results. Give yourself "
        "permission to write there, remove it, or run in another folder."
    )


def check_path(path: str, where: str) -> None:
    """Stop if Snakemake would take a path for a pattern."""
    if set("{}\n") & set(path):
        raise InputError(
            f"config, {where}: found {path!r}, expected a path without braces and line breaks, "
            "which Snakemake cannot tell from its own patterns. Rename the file or its folder."
        )


def split_plane(path: str) -> tuple[str, str]:
    """Take the plane off a FITS file's path: 'f_*.fits[SCI]' is 'f_*.fits' and 'SCI'.

    A file whose own name ends in brackets is left alone, and so is a pattern that finds some.
    """
    match = re.fullmatch(r"(.*\.(?:fits?|fts|fz|gz|bz2|psf))\[([^\[\]]+)\]", path, re.IGNORECASE)
    if not match or Path(path).exists() or glob.glob(path):
        return path, ""
    return match[1], match[2].strip()


def require_file(path: str, where: str, downloads: Collection[str] = ()) -> None:
    """Stop if a file neither exists nor is to be downloaded."""
    check_path(path, where)
    if path not in downloads and not Path(path).is_file():
        if found := len(glob.glob(path)) if glob.has_magic(path) else 0:
            raise InputError(
                f"config, {where}: {path!r} is a pattern, which {found} files match, expected the "
                "path of one file. Give that."
            )
        raise InputError(
            f"config, {where}: there is no file {path!r}, seen from {Path.cwd()}. Correct the "
            "path; relative paths start at the working directory."
        )


def find_files(pattern: str, where: str, downloads: Collection[str] = ()) -> list[str]:
    """Files that match a pattern, including those to be downloaded, sorted.

    Raises
    ------
    InputError
        If there are none, or Snakemake would take one of them for a pattern.
    """
    # The name of a real file may contain brackets.
    paths = glob.glob(pattern, recursive=True) or [pattern] * Path(pattern).is_file()
    # Files to be downloaded match in the pattern's own folder only.
    depth = pattern.count("/")
    coming = {f for f in downloads if fnmatch.fnmatchcase(f, pattern) and f.count("/") == depth}
    paths = sorted(coming.union(paths))
    for path in paths:
        check_path(path, where)
        if Path(path).is_dir():
            raise InputError(
                f"config, {where}: {path!r} is a folder, expected files. Give a pattern of the "
                f"files in it, such as {path.rstrip('/')}/*.fits."
            )
    if not paths:
        raise InputError(
            f"config, {where}: no file matches {pattern!r}, seen from {Path.cwd()}. Correct the "
            "pattern; relative paths start at the working directory."
        )
    return paths


def list_downloads(table: str, where: str) -> dict[str, str]:
    """Map from each file to be downloaded to the table that lists it."""
    require_file(table, f"{where}.download")
    try:
        return dict.fromkeys(read_downloads(table), table)
    except InputError as error:
        raise InputError(f"config, {where}.download: {error}") from error


def check_weights(weights: str, name: str) -> None:
    """Stop if `encoder.weights` is neither a known word nor a file that holds the network `name`.

    Only the header of the file is read. Whether each weight fits is seen by the first job.
    """
    if weights in ("random", "pretrained"):
        return
    path = BUNDLED if weights == "bundled" else Path(weights)
    if weights != "bundled" and not path.is_file():
        raise InputError(
            f"config, encoder.weights: found {weights!r}, expected bundled, random, pretrained, "
            "or the path of a safetensors file that exists. Correct it."
        )
    about = _read_header(path).get("morphovote")
    about = json.loads(about) if about else {}
    held = about.get("architecture", name).split(".")[0]
    if held != name.split(".")[0] and not about.get("name", "").startswith("hf-hub:"):
        raise InputError(
            f"config, encoder.name: found {name!r}, but the weights in {path.name} are of a "
            f"{held}. Set encoder.name: {about['name']}, or choose other weights."
        )


def _read_header(path: Path) -> dict[str, str]:
    """What the header of a safetensors file says of the whole file."""
    try:
        with open(path, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > MOST_HEADER:
                raise ValueError(f"its header would have {length} bytes")
            return json.loads(file.read(length)).get("__metadata__") or {}
    except (OSError, ValueError, AttributeError) as error:
        raise InputError(
            f"config, encoder.weights: {path} is not a readable safetensors file "
            f"({str(error)[:100]}). Pickled checkpoints (.pt, .pth, .bin) are not read: convert "
            "them with safetensors first."
        ) from error


def read_downloads(table: str | Path) -> dict[str, dict[str, str]]:
    """Read the table of files that a field downloads.

    Parameters
    ----------
    table : str or Path
        CSV with columns `file` (path to save to), `url` (http or https) and `sha256` (of the
        served file; may be empty).

    Returns
    -------
    dict
        For each file, its `url` and `sha256` (lower case, or '').

    Raises
    ------
    InputError
        If the table cannot be read, or has an invalid row.
    """
    try:
        with open(table, newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file, restval="")
            rows, names = list(reader), reader.fieldnames or []
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{table}: not a readable CSV table ({error}). Correct it.") from error
    if missing := [name for name in DOWNLOAD_COLUMNS if name not in names]:
        raise InputError(
            f"{table}: has no column '{missing[0]}', expected {', '.join(DOWNLOAD_COLUMNS)}. "
            "Add it."
        )
    files: dict[str, dict[str, str]] = {}
    for number, row in enumerate(rows, start=2):
        file, url, digest = (row[name].strip() for name in DOWNLOAD_COLUMNS)
        if not file or set("{}\n") & set(file):
            wrong = f"file '{file}', expected a path without braces"
        elif file in files:
            wrong = f"file '{file}' a second time, expected each once"
        elif not re.match(r"https?://[^/]+/.", url):
            wrong = f"url '{url}', expected one that starts with http:// or https://"
        elif not re.fullmatch(r"([0-9a-fA-F]{64})?", digest):
            wrong = f"sha256 '{digest}', expected 64 hexadecimal digits or nothing"
        else:
            files[file] = {"url": url, "sha256": digest.lower()}
            continue
        raise InputError(f"{table}, line {number}: found {wrong}. Correct it.")
    return files
