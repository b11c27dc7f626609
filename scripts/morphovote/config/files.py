"""Files that the configuration names: found and checked before the first job starts."""

import csv
import fnmatch
import glob
import os
import re
from collections.abc import Collection
from pathlib import Path

import yaml

from morphovote.errors import InputError

DOWNLOAD_COLUMNS = ("file", "url", "sha256")


def read_yaml(path: str | Path) -> dict:
    """Read a YAML file.

    Raises
    ------
    InputError
        If it is not YAML, naming the line of the mistake, or not a table of keys.
    """
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        reason = getattr(error, "problem", None) or " ".join(str(error).split())
        raise InputError(
            f"{path}{place}: not a readable YAML file ({reason}). Correct that line or the one "
            "before it: brackets, colons, and spaces in place of tabs."
        ) from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: found no table of keys, expected 'fields:' with entries below."
                         " Write one, or start from the project's config.yaml.")  # fmt: skip
    return content


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
    match = re.fullmatch(r"(.*\.(?:fits?|fts|fz|gz|bz2))\[([^\[\]]+)\]", path, re.IGNORECASE)
    if not match or Path(path).exists() or glob.glob(path):
        return path, ""
    return match[1], match[2].strip()


def require_file(path: str, where: str, downloads: Collection[str] = ()) -> None:
    """Stop if a file neither exists nor is to be downloaded."""
    check_path(path, where)
    if path not in downloads and not Path(path).is_file():
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


def check_weights(weights: str) -> None:
    """Stop if `encoder.weights` is neither a known word nor a file."""
    if weights not in ("bundled", "random", "pretrained") and not Path(weights).is_file():
        raise InputError(
            f"config, encoder.weights: found {weights!r}, expected bundled, random, pretrained, "
            "or the path of a safetensors file that exists. Correct it."
        )


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
