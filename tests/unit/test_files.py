"""Files are written whole or not at all, as others may read them, and the same for the same."""

import json
import os
import subprocess
import sys

import pytest
import torch
from paths import ROOT
from safetensors import safe_open
from safetensors.torch import load_file
from yaml import YAMLError

from morphovote.errors import InputError
from morphovote.storage import files

CURVE = [{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25}]
TENSORS = {"b": torch.arange(6.0).reshape(2, 3).T, "a": torch.ones(2, dtype=torch.float16)}
ABOUT = {"size": "3", "format": "é 1", "latent": "2"}

# What each writer writes: something whole, and something at which it fails on the way.
WRITERS = {
    "page.html": (files.write_text, ["<p>é</p>"], ["\udcff"]),
    "a.json": (files.write_json, [{"é": 1.5}], [{"a": object()}]),
    "a.csv": (files.write_csv, [["id"], [["é"]]], [["id"], [["1"], ["\udcff"]]]),
    "curve.csv": (files.write_curve, [CURVE], [[*CURVE, {"epoch": 3}]]),
    "a.yaml": (files.write_yaml, [{"groups": {0: "é"}}], [{"groups": object()}]),
    "a.safetensors": (files.write_tensors, [TENSORS, ABOUT], [{"a": torch.ones(2)}, {"n": 1}]),
}

FAULTS = (UnicodeEncodeError, TypeError, KeyError, YAMLError)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("name", WRITERS)
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, name):
    write, good, bad = WRITERS[name]
    path = tmp_path / "new/folder" / name
    with pytest.raises(FAULTS):
        write(path, *bad)
    assert not path.exists()
    assert not path.parent.exists() or names(path.parent) == []
    write(path, *good)
    whole = path.read_bytes()
    assert whole
    with pytest.raises(FAULTS):
        write(path, *bad)
    assert path.read_bytes() == whole
    assert names(path.parent) == [name]


@pytest.mark.parametrize("name", WRITERS)
def test_others_may_read_what_the_umask_lets_them(tmp_path, name):
    write, good, _ = WRITERS[name]
    before = os.umask(0o027)
    try:
        write(tmp_path / name, *good)
    finally:
        os.umask(before)
    assert (tmp_path / name).stat().st_mode & 0o777 == 0o640


def test_the_file_appears_when_the_block_ends(tmp_path):
    path = tmp_path / "a.txt"
    with files.replacing(path) as partial:
        partial.write_text("half")
        assert not path.exists()
        assert partial.parent == path.parent
        assert partial.name.startswith(".")
    assert path.read_text() == "half"
    assert names(tmp_path) == ["a.txt"]


def test_a_name_that_cannot_be_replaced_leaves_no_debris(tmp_path):
    (tmp_path / "taken").mkdir()
    with pytest.raises(IsADirectoryError), files.replacing(tmp_path / "taken") as partial:
        partial.write_text("new")
    assert names(tmp_path) == ["taken"]


def test_bytes_of_text_files(tmp_path):
    path = tmp_path / "file"
    files.write_json(path, {"é": [1.5]})
    assert path.read_bytes() == b'{\n  "\\u00e9": [\n    1.5\n  ]\n}\n'
    files.write_json(path, {"é": 1}, indent=None, ensure_ascii=False)
    assert path.read_bytes() == '{"é": 1}\n'.encode()
    with pytest.raises(ValueError, match="JSON"):
        files.write_json(path, {"a": float("nan")}, allow_nan=False)
    files.write_csv(path, ["id", "x"], [["a,b", 0.1], ["é", 2]])
    assert path.read_bytes() == 'id,x\n"a,b",0.1\né,2\n'.encode()
    files.write_curve(path, CURVE)
    assert path.read_bytes() == b"epoch,loss\r\n1,0.5\r\n2,0.25\r\n"
    files.write_yaml(path, {"version": 1, "groups": {0: {"class": "SPH", "note": "é"}}})
    assert path.read_text(encoding="utf-8") == ("version: 1\ngroups:\n  0: {class: SPH, note: é}\n")


def test_json_comes_back(tmp_path):
    path = tmp_path / "a.json"
    files.write_json(path, {"é": [1, None]})
    assert files.read_json(path) == {"é": [1, None]}
    for text in ("{", "[1]", "\xff"):
        path.write_bytes(text.encode("latin-1"))
        with pytest.raises(InputError, match=r"a\.json: .*Delete it and run the workflow again"):
            files.read_json(path)
    with pytest.raises(InputError, match="No such file"):
        files.read_json(tmp_path / "none.json")


def test_the_same_weights_are_the_same_file(tmp_path):
    contents = set()
    for i, turned in enumerate((False, True) * 5):
        about = dict(reversed(ABOUT.items())) if turned else ABOUT
        files.write_tensors(tmp_path / f"{i}", TENSORS, about)
        contents.add((tmp_path / f"{i}").read_bytes())
    assert len(contents) == 1
    content = contents.pop()
    length = int.from_bytes(content[:8], "little")
    assert length % 8 == 0
    assert list(json.loads(content[8 : 8 + length])["__metadata__"]) == sorted(ABOUT)
    read = load_file(tmp_path / "0")
    assert read.keys() == TENSORS.keys()
    assert all(torch.equal(read[name], TENSORS[name]) for name in TENSORS)
    with safe_open(tmp_path / "0", "pt") as file:
        assert file.metadata() == ABOUT


def test_loading_it_loads_no_large_library():
    code = "import sys, morphovote.storage.files; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT / "scripts", check=True, capture_output=True
    )
    assert {b"numpy", b"h5py", b"torch", b"safetensors"}.isdisjoint(done.stdout.split())
