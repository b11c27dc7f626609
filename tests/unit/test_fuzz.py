"""Readers under fuzz: whatever the bytes, they read or raise InputError, and nothing else."""

import tempfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml
from astropy.table import Table
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from paths import PLACES, ROOT

from morphovote.config.check import MOST_TOLD
from morphovote.config.resolve import complete_config
from morphovote.denoise import network
from morphovote.errors import InputError
from morphovote.fields.catalogues import read_table
from morphovote.fields.role_columns import read_positions
from morphovote.groups.names import read_given_names
from morphovote.storage import model_files, shards

pytestmark = pytest.mark.slow
SCHEMA = ROOT / "workflow/schemas/config.schema.yaml"
FEW = settings(max_examples=40, deadline=None, derandomize=True,
               suppress_health_check=list(HealthCheck))  # fmt: skip
# Where and to what bytes change (as shares of the file), and where it ends.
damage = st.tuples(
    st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=8),
    st.one_of(st.just(1.0), st.floats(0, 1)),
)


def damaged(content: bytes, how) -> bytes:
    changes, end = how
    content = bytearray(content)
    for place, value in changes:
        content[int(place * len(content))] = value
    return bytes(content[: round(end * len(content))])


def reads_or_refuses(read, lines: int = 3) -> None:
    said = "read"
    try:
        read()
    except InputError as error:
        said = str(error)
    assert 1 <= len(said.splitlines()) <= lines


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, bytes]:
    """Small whole files of each kind."""
    folder = tmp_path_factory.mktemp("whole")
    rng = np.random.default_rng(0)
    shards.write_shard(
        folder / "shard.h5",
        {"row": np.arange(9), "id": np.array([f"g{i}" for i in range(9)]),
         "image": rng.normal(size=(9, 8, 8))},
        {"pixel_scale": 0.03},
    )  # fmt: skip
    model_files.write_model(
        folder / "model.h5", "pca",
        {"mean": np.zeros(3), "components": rng.normal(size=(4, 3)),
         "names": np.array(["a", "bé"])},
        {"pca": "p1", "limit": 1.5},
    )  # fmt: skip
    model = network.Denoiser(2)
    network.save_denoiser(folder / "denoiser.safetensors", model, np.eye(5))
    table = Table({"id": [1, 2, 3], "ra": [1.0, 2.0, 3.0], "dec": [1.0, 2.0, 3.0],
                   "note": ["a", "bb", "ccc"]})  # fmt: skip
    formats = {"csv": "ascii.csv", "ecsv": "ascii.ecsv", "vot": "votable"}
    for end in ("csv", "ecsv", "vot", "fits", "parquet"):
        table.write(folder / f"cat.{end}", format=formats.get(end, end))
    return {path.name: path.read_bytes() for path in folder.iterdir()}


READERS = {
    "shard.h5": lambda path: (
        shards.read_attributes(path), shards.count_rows(path), shards.read_shard(path),
        list(shards.iterate_batches(path, ["id", "image"], 4))),
    "model.h5": lambda path: read_model(path),
    "denoiser.safetensors": network.load_denoiser,
} | dict.fromkeys(
    ("cat.csv", "cat.ecsv", "cat.vot", "cat.fits", "cat.parquet"),
    lambda path: (read_table(path), read_positions(path, {})),
)  # fmt: skip


@pytest.mark.parametrize("name", READERS)
def test_damaged_file_is_read_or_refused(files, name):
    @FEW
    @given(damage)
    def check(how):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            path.write_bytes(damaged(files[name], how))
            reads_or_refuses(lambda: READERS[name](path))

    check()


def read_model(path):
    return model_files.read_model(path, "pca", ("mean", "components", "names"))


def read_shard(path):
    return shards.read_shard(path), shards.read_attributes(path)


@pytest.mark.parametrize(("name", "read"), [("shard.h5", read_shard), ("model.h5", read_model)])
def test_no_changed_bit_goes_unnoticed(files, tmp_path, name, read):
    """Where the file still reads, its arrays and attributes are the ones that were written."""
    path = tmp_path / name
    path.write_bytes(files[name])
    whole = read(path)
    rng = np.random.default_rng(5)
    places = rng.permutation(len(files[name]))[:800]
    found = 0
    for place in places:
        content = bytearray(files[name])
        content[place] ^= 1 << rng.integers(0, 8)
        path.write_bytes(content)
        try:
            again = read(path)
        except InputError:
            found += 1
            continue
        for one, two in zip(whole, again, strict=True):
            assert one.keys() == two.keys()
            for key in one:
                np.testing.assert_array_equal(one[key], two[key])
    # The rest fell between the blocks, on bytes that mean nothing.
    assert found > len(places) / 3


def test_files_on_which_hdf5_loops_are_refused_unread(tmp_path):
    """Found by flipping bytes: a heap of text with a wrong size, a text array with 2**58 rows."""
    path = tmp_path / "model.h5"
    with h5py.File(path, "w") as file:
        file.attrs["kind"] = "pca"
        file["mean"] = np.zeros(3)
    content = bytearray(path.read_bytes())
    content[content.index(b"GCOL") + 9] = 20  # the heap's size: 20 pages where it was 16
    path.write_bytes(content)
    with pytest.raises(InputError, match="values of variable length, attribute 'kind'"):
        model_files.read_model(path, "pca", ("mean",))
    with pytest.raises(InputError, match="'kind' has values of variable length"):
        shards.read_attributes(path)
    with h5py.File(path, "w") as file:
        file["names"] = ["a", "bc"]
    with pytest.raises(InputError, match="values of variable length, 'names'"):
        model_files.read_model(path, "pca", ("names",))
    with pytest.raises(InputError, match="'names' has values of variable length"):
        shards.read_shard(path)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=8) | st.integers(), inner, max_size=3)
    ),
    max_leaves=8,
)
SECTIONS = ("fields", "cutout", "denoiser", "encoder", "pca", "voting", "classes", "measure",
            "shard_size", "diagnose", "other")  # fmt: skip
KEYS = ("simulate", "images", "cutouts", "catalogue", "psf", "columns", "select", "model", "size",
        "groups", "seed", "names", "weights", "components", "physical")  # fmt: skip
configs = st.dictionaries(
    st.sampled_from(SECTIONS), values | st.dictionaries(st.sampled_from(KEYS), values, max_size=4)
)
fields = st.dictionaries(st.sampled_from(KEYS), values, max_size=4)


@settings(FEW, max_examples=15)  # each reads the schema twice
@given(configs, fields)
def test_any_config_is_completed_or_refused(content, field):
    lines = MOST_TOLD + 1
    reads_or_refuses(lambda: complete_config(content, SCHEMA, PLACES), lines)
    reads_or_refuses(lambda: complete_config({"fields": {"f": field}}, SCHEMA, PLACES), lines)


@FEW
@given(values | st.dictionaries(st.sampled_from(("version", "groups", "classes", "centres", "who")),
                                values | st.dictionaries(st.integers(-1, 5), values)))  # fmt: skip
def test_any_file_of_names_is_read_or_refused(content):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "names.yaml"
        path.write_text(yaml.safe_dump(content), encoding="utf-8")
        reads_or_refuses(lambda: read_given_names(path))
