"""Files written whole or not at all, and JSON read back.

Every file is written under a hidden name in its own folder and renamed when it is complete. An
interrupted run therefore leaves no half-written file that another rule could read.
"""

import csv
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import yaml

from morphovote.errors import InputError


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary name; the file is renamed to `path` if the block ends without error.

    Parameters
    ----------
    path : str or Path
        Its folder is created if missing. An existing file stays until the new one is complete.

    Yields
    ------
    Path
        A hidden name in the same folder, removed if the block fails.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write text as UTF-8, whole or not at all."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_json(path: str | Path, content: dict, **form) -> None:
    """Write a dictionary as JSON with a final newline, whole or not at all.

    Parameters
    ----------
    path : str or Path
    content : dict
    **form
        Passed to `json.dumps`; the indent is two spaces unless given.
    """
    write_text(path, json.dumps(content, **{"indent": 2, **form}) + "\n")


def read_json(path: str | Path) -> dict:
    """Read a JSON object.

    Raises
    ------
    InputError
        If the file cannot be read, or is not a JSON object.
    """
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: not a readable JSON file ({error}). Delete it and run the workflow again."
        ) from error
    if not isinstance(found, dict):
        raise InputError(
            f"{path}: found a JSON {type(found).__name__}, expected an object. Delete it and run "
            "the workflow again."
        )
    return found


def write_csv(
    path: str | Path, names: Sequence[str], rows: Iterable[Sequence], line_end: str = "\n"
) -> None:
    r"""Write a table as CSV, whole or not at all.

    Parameters
    ----------
    path : str or Path
    names : sequence of str
        Column names, written in the first line.
    rows : iterable of sequence
        One value for each column.
    line_end : str
        "\r\n" for loss curves, as in the CSV standard (RFC 4180).
    """
    with replacing(path) as partial, open(partial, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator=line_end)
        writer.writerow(names)
        writer.writerows(rows)


def write_curve(path: str | Path, curve: Sequence[dict]) -> None:
    """Write a loss curve as CSV, one line per entry, with the keys of the first entry."""
    names = list(curve[0])
    write_csv(path, names, ([entry[name] for name in names] for entry in curve), "\r\n")


def write_yaml(path: str | Path, content: dict) -> None:
    """Write YAML, whole or not at all, with each innermost table on one line."""
    text = yaml.safe_dump(
        content, sort_keys=False, allow_unicode=True, width=10_000, default_flow_style=None
    )
    write_text(path, text)


def write_tensors(path: str | Path, tensors: dict, about: dict[str, str]) -> None:
    """Write a network's weights as safetensors, whole or not at all.

    The same weights give the same file: safetensors writes its metadata in random order, here the
    order is alphabetical. The file also gets the usual permissions, while one that safetensors
    creates itself can be read by its owner only.

    Parameters
    ----------
    path : str or Path
    tensors : dict of torch.Tensor
        On any device, of any memory layout.
    about : dict of str
        Metadata for the header.
    """
    from safetensors.torch import save

    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    content = save(plain, about)
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    header["__metadata__"] = dict(sorted(about.items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with replacing(path) as partial, open(partial, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.write(memoryview(content)[8 + length :])
