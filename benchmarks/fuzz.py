"""Coverage-guided fuzzing of the readers of shards, models and archives of models.

    pip install atheris                            # into an environment with the project's packages
    python benchmarks/fuzz.py shard --seconds 60   # or another of TARGETS

The reader may read a file or refuse it with InputError. Anything else, or more than ten seconds for
one file, ends the fuzzing and leaves the file in the folder `--work`. Add such cases to
tests/unit/test_fuzz.py.
"""

import contextlib
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from common import new_parser

try:
    import atheris

    watched = atheris.instrument_imports(include=["morphovote", "h5py._hl", "zipfile"])
except ModuleNotFoundError:
    # Not part of the project's environment.
    atheris, watched = None, contextlib.nullcontext()

with watched:
    import zipfile

    import h5py
    import numpy as np

    from morphovote.errors import InputError
    from morphovote.groups import names
    from morphovote.model import archive
    from morphovote.storage import model_files, shards

ROWS = 6


def whole_shard(path: Path) -> None:
    """A small shard."""
    image = np.random.default_rng(0).normal(size=(ROWS, 4, 4))
    arrays = {"row": np.arange(ROWS), "id": np.array(["a", "bb", "é", "", "d", "e"])}
    shards.write_shard(path, arrays | {"image": image}, {"pixel_scale": 0.03, "polar": "moments"})


def whole_model(path: Path) -> None:
    """A small model file."""
    arrays = {"mean": np.zeros(3), "components": np.eye(3), "names": np.array(["a", "bb"])}
    model_files.write_model(path, "pca", arrays, {"pca": "p1", "limit": 1.5})


def whole_archive(path: Path) -> None:
    """A zip file that is an archive up to its manifest."""
    with zipfile.ZipFile(path, "w") as file:
        for name in (archive.MANIFEST, *archive.FILES):
            file.writestr(name, '{"format": "morphovote model", "version": 1, "files": {}}')


def whole_names(path: Path) -> None:
    """A file of names."""
    path.write_text("version: 1\ngroups: {0: SPH, 1: {class: ETD, merge: 0}}\nclasses: {X: x}\n")


def without_checksums(write) -> Callable[[Path], None]:
    """Write in HDF5's oldest format, without checksums: damage reaches further into a reader."""

    def write_old(path: Path) -> None:
        new = path.with_suffix(".new")
        write(new)
        with h5py.File(new) as one, h5py.File(path, "w") as two:
            two.attrs.update(one.attrs)
            for name in one:
                two.create_dataset(name, data=one[name][()])
        new.unlink()

    return write_old


def read_shard(path: Path) -> None:
    """Read a whole shard."""
    shards.read_attributes(path)
    shards.read_shard(path)


def read_model(path: Path) -> None:
    """Read a whole model file."""
    model_files.read_model(path, "pca", ("mean", "names"))


# Target: how to write an intact file, and how to read it.
TARGETS = {
    "shard": (whole_shard, read_shard),
    "old_shard": (without_checksums(whole_shard), read_shard),
    "model": (whole_model, read_model),
    "old_model": (without_checksums(whole_model), read_model),
    "archive": (whole_archive, lambda path: archive.unpack_model(path, path.parent / "out")),
    "names": (whole_names, names.read_given_names),
}


def main() -> None:
    """Fuzz one reader."""
    parser = new_parser(__doc__)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "fuzzing")
    options = parser.parse_args()
    if atheris is None:
        sys.exit("fuzzing needs the package atheris: pip install atheris")
    write, read = TARGETS[options.target]
    corpus = options.work / options.target
    corpus.mkdir(parents=True, exist_ok=True)
    write(corpus / "whole")
    path = options.work / f"{options.target}.{os.getpid()}"

    def try_one(content: bytes) -> None:
        path.write_bytes(content)
        try:
            read(path)
        except InputError as error:
            if len(str(error).splitlines()) > 3:
                raise ValueError("a message of more than three lines") from error

    limits = [f"-max_total_time={options.seconds}", "-timeout=10", "-max_len=20000"]
    atheris.Setup(
        [sys.argv[0], *limits, f"-artifact_prefix={options.work}/{options.target}_", str(corpus)],
        try_one,
    )
    print(f"HDF5 {h5py.version.hdf5_version}, {options.target}", flush=True)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
