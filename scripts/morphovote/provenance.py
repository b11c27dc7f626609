"""Which code made a file: the digest that tells Snakemake to rerun a rule; and a file's own."""

import ast
import hashlib
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent


def code_digest(*scripts: str | Path) -> str:
    """Digest of the library modules that some scripts use, directly or not.

    Snakemake notices an edited script but not an edited module that the script imports. With this
    digest among a rule's params it does.

    Parameters
    ----------
    scripts : str or Path
        Paths of the scripts. A rule that reads temporary files names the scripts of the rules
        that wrote them too, since Snakemake does not look behind a deleted file.

    Returns
    -------
    str
        12 hexadecimal digits.
    """
    modules: set[Path] = set()
    waiting = [Path(script) for script in scripts]
    while waiting:
        for module in _imported_modules(waiting.pop()):
            if module not in modules:
                modules.add(module)
                waiting.append(module)
    digest = hashlib.sha256()
    for module in sorted(modules):
        digest.update(module.name.encode() + b"\0" + module.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


@cache
def _imported_modules(path: Path) -> set[Path]:
    """Files of this package that one file imports, anywhere in its text."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    files = set()
    for name in names:
        package, _, rest = name.partition(".")
        if package == PACKAGE.name:
            files.add(PACKAGE / "__init__.py")
            module = PACKAGE / f"{rest.split('.')[0]}.py"
            if module.is_file():
                files.add(module)
    return files


def hash_file(path: str | Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
