"""Shards: what is written comes back, whole or not at all."""

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from morphovote.errors import InputError
from morphovote.storage import shards


def arrays(count=5):
    return {
        "row": np.arange(count),
        "id": np.array([f"galaxy {i} ü" for i in range(count)], dtype=object),
        "image": np.random.default_rng(0).normal(size=(count, 4, 4)).astype(np.float32),
    }


def test_round_trip_with_attributes_and_units(tmp_path):
    path = tmp_path / "deep/a.h5"
    shards.write_shard(path, arrays(), {"pixel_scale": 0.03}, {"image": "electron/s"})
    back = shards.read_shard(path)
    for name, array in arrays().items():
        np.testing.assert_array_equal(back[name], array)
    assert shards.read_attributes(path)["pixel_scale"] == 0.03
    assert "made_by" in shards.read_attributes(path)
    with shards.open_shard(path) as file:
        assert shards.attributes_of(file["image"])["unit"] == "electron/s"
        assert file["image"].chunks[1:] == (4, 4)
    assert shards.count_rows(path) == 5


@given(
    hnp.arrays(
        st.sampled_from([np.int16, np.float32, np.bool_, np.uint8]),
        hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=4),
    )
)
def test_any_array_round_trips(tmp_path_factory, array):
    path = tmp_path_factory.mktemp("shard") / "a.h5"
    shards.write_shard(path, {"row": np.arange(len(array)), "values": array})
    np.testing.assert_array_equal(shards.read_shard(path)["values"], array)


def test_lengths_must_agree(tmp_path):
    with pytest.raises(ValueError, match="one length"):
        shards.write_shard(tmp_path / "a.h5", {"row": np.arange(3), "x": np.arange(2)})


def test_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.h5"
    shards.write_shard(path, arrays())
    with pytest.raises(TypeError):
        shards.write_shard(path, arrays() | {"bad": np.array([object()] * 5)})
    assert shards.count_rows(path) == 5
    assert [p.name for p in tmp_path.iterdir()] == ["a.h5"]


def test_batches_cover_all_rows_in_order(tmp_path):
    path = tmp_path / "a.h5"
    shards.write_shard(path, arrays(7))
    batches = list(shards.iterate_batches(path, ["row", "id"], 3))
    assert [len(batch["row"]) for batch in batches] == [3, 3, 1]
    np.testing.assert_array_equal(np.concatenate([b["row"] for b in batches]), np.arange(7))


def test_concatenate_joins_shards_in_order(tmp_path):
    for i in range(3):
        shards.write_shard(tmp_path / f"{i}.h5", {"row": np.array([2 * i, 2 * i + 1])})
    rows = shards.concatenate([tmp_path / f"{i}.h5" for i in range(3)], ["row"])["row"]
    np.testing.assert_array_equal(rows, np.arange(6))


def test_unreadable_file_and_missing_array_are_sentences(tmp_path):
    (tmp_path / "no.h5").write_text("not HDF5")
    with pytest.raises(InputError, match=r"no\.h5.*Delete it"):
        shards.read_shard(tmp_path / "no.h5")
    shards.write_shard(tmp_path / "a.h5", arrays())
    with pytest.raises(InputError, match="has no array 'flux', only id, image, row"):
        shards.read_shard(tmp_path / "a.h5", ["flux"])


def test_noise_is_not_packed_and_masks_are(tmp_path):
    noise = np.random.default_rng(0).normal(size=(50, 40, 40)).astype(np.float32)
    known = {"row": np.arange(50), "image": noise, "rms": np.full_like(noise, 0.1),
             "mask": (noise > 2).astype(np.uint8), "flag": noise[:, 0, 0] > 0}  # fmt: skip
    shards.write_shard(tmp_path / "shard.h5", known)
    with h5py.File(tmp_path / "shard.h5") as file:
        packed = {name: file[name].compression for name in known}
        assert all(file[name].fletcher32 for name in known)
    assert packed["image"] is None
    assert packed["rms"] == packed["mask"] == "gzip"
    back = shards.read_shard(tmp_path / "shard.h5")
    for name, array in known.items():
        np.testing.assert_array_equal(back[name], array)
