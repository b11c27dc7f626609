"""Digests of code, by which Snakemake knows when to rerun a rule, and digests of files."""

import hashlib
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
# Files up to this size (bytes) are compared by content, larger ones by size and time.
SMALL_FILE = 1_000_000


def code_digest(*scripts: str | Path) -> str:
    """Digest of the library modules that scripts use, directly or indirectly.

    Snakemake notices an edited script, but not an edited module that the script imports. With this
    digest among a rule's params it notices both.

    Parameters
    ----------
    scripts : str or Path
        Paths of the scripts. A rule that reads temporary files also names the scripts of the
        rules that wrote them, since Snakemake does not trace deleted files. A library module may
        be given too; then its own content counts as well.

    Returns
    -------
    str
        12 hexadecimal digits.
    """
    waiting = [Path(script) for script in scripts]
    package = PACKAGE.resolve()
    whole = [path.resolve() for path in waiting]
    modules = {
        PACKAGE / path.relative_to(package) for path in whole if path.is_relative_to(package)
    }
    while waiting:
        for module in _imported_modules(waiting.pop()):
            if module not in modules:
                modules.add(module)
                waiting.append(module)
    digest = hashlib.sha256()
    for module in sorted(modules):
        digest.update(
            str(module.relative_to(PACKAGE)).encode() + b"\0" + module.read_bytes() + b"\0"
        )
    return digest.hexdigest()[:12]


# A regular expression, since parsing every module would take longer than the rest of the start.
# The two groups are the dotted path below the package, and the imported names.
_IMPORT = re.compile(
    rf"^[ \t]*from {PACKAGE.name}((?:\.\w+)*)[ \t]+import[ \t]+(\([^)]*\)|[^\n#]*)", re.MULTILINE
)


@cache
def _imported_modules(path: Path) -> set[Path]:
    """Files of this package that one file imports, anywhere in its text.

    The `__init__.py` of every package that contains an imported module counts too, since Python
    runs it.
    """
    files = set()
    for dotted, names in _IMPORT.findall(path.read_text(encoding="utf-8")):
        place = PACKAGE.joinpath(*dotted.split(".")[1:])
        wanted = [place, *(place / name for name in re.findall(r"(\w+)(?: as \w+)?", names))]
        for module in wanted:
            found = [module.with_suffix(".py"), module / "__init__.py"]
            files.update(file for file in found if file.is_file())
        folders = [place, *place.parents]
        inits = (folder / "__init__.py" for folder in folders if folder.is_relative_to(PACKAGE))
        files.update(file for file in inits if file.is_file())
    return files


def hash_file(path: str | Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_stamp(paths: Iterable[str | Path]) -> str:
    """Digest of files, which changes when any of them does; their names do not count.

    Snakemake reruns what depends on a newer file. It misses a file that was replaced by an older
    one, or edited after the clock was set back, unless this digest is among a rule's params.

    Parameters
    ----------
    paths : iterable of path
        Existing files. Those of up to `SMALL_FILE` bytes count by their content, larger ones by
        size and modification time.

    Returns
    -------
    str
        12 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for path in map(Path, paths):
        about = path.stat()
        small = about.st_size <= SMALL_FILE
        content = hash_file(path) if small else f"{about.st_size} {about.st_mtime_ns}"
        digest.update(f"{content}\0".encode())
    return digest.hexdigest()[:12]
