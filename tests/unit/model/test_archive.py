"""Archives of models: reproducible bytes, and safe unpacking of archives from anywhere."""

import hashlib
import json
import os
import shutil
import stat
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from morphovote.errors import InputError
from morphovote.model import archive as model_archive
from morphovote.storage.digests import hash_file

PLAIN = 0o644


@pytest.fixture
def folder(tmp_path):
    """A model folder with its encoder; what the files hold does not matter here."""
    model = tmp_path / "model"
    model.mkdir()
    for name in model_archive.FILES:
        if name.endswith(".h5"):
            with h5py.File(model / name, "w") as file:
                file["numbers"] = np.arange(5.0)
        else:
            (model / name).write_text(f"content of {name}\n")
    (model / "encoder.json").write_text(json.dumps({"model_args": {}}))
    names = [n for n in model_archive.MODEL_FILES if n != "model.json"]
    description = {
        "field": "there",
        "pixel_scale": 0.03,
        "settings": {},
        "encoder": {},
        "files": {name: hash_file(model / name) for name in names},
    }
    (model / "model.json").write_text(json.dumps(description))
    return model


@pytest.fixture
def archive(folder, tmp_path):
    path = tmp_path / "model.zip"
    model_archive.pack_model([folder / name for name in model_archive.FILES], path)
    return path


def rebuild(archive, change=None, drop=(), add=(), manifest=None, compress=zipfile.ZIP_STORED):
    """Write an archive again with some entries changed, dropped or added."""
    with zipfile.ZipFile(archive) as file:
        content = {name: file.read(name) for name in file.namelist()}
    content |= change or {}
    if manifest:
        known = json.loads(content["manifest.json"])
        manifest(known)
        content["manifest.json"] = json.dumps(known).encode()
    with zipfile.ZipFile(archive, "w", compress) as file:
        for name, data in content.items():
            if name not in drop:
                file.writestr(zipfile.ZipInfo(name), data, compress)
        for entry, data in add:
            file.writestr(entry, data)


def link(name):
    entry = zipfile.ZipInfo(name)
    entry.create_system = 3
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return entry


def test_there_and_back(archive, folder, tmp_path):
    manifest = model_archive.unpack_model(archive, tmp_path / "out")
    assert manifest["model"]["field"] == "there"
    for name in model_archive.FILES:
        assert (tmp_path / "out" / name).read_bytes() == (folder / name).read_bytes()
    assert {path.name for path in (tmp_path / "out").iterdir()} == set(model_archive.FILES)


def test_same_model_same_bytes(archive, folder, tmp_path):
    for path in folder.iterdir():
        os.utime(path, (1, 1))
    model_archive.pack_model(
        [folder / name for name in model_archive.FILES], tmp_path / "again.zip"
    )
    assert (tmp_path / "again.zip").read_bytes() == archive.read_bytes()


def test_plain_files_that_nobody_may_execute(archive):
    with zipfile.ZipFile(archive) as file:
        for entry in file.infolist():
            assert entry.compress_type == zipfile.ZIP_STORED
            assert stat.S_IMODE(entry.external_attr >> 16) == PLAIN


def test_packing_a_changed_model_is_refused(folder, tmp_path):
    (folder / "names.yaml").write_text("other\n")
    with pytest.raises(InputError, match=r"names\.yaml: differs from .* model\.json"):
        model_archive.pack_model(
            [folder / name for name in model_archive.FILES], tmp_path / "m.zip"
        )
    files = [folder / name for name in model_archive.FILES if name != "pca.h5"]
    with pytest.raises(InputError, match=r"cannot be packed without pca\.h5"):
        model_archive.pack_model(files, tmp_path / "m.zip")


def damage(path):
    data = bytearray(path.read_bytes())
    data[data.index(b"content of denoiser") + 2] ^= 1
    path.write_bytes(data)


def cut(path):
    path.write_bytes(path.read_bytes()[:-40])


def wrong_hash(path):
    rebuild(path, manifest=lambda m: m["files"]["names.yaml"].update(sha256="0" * 64))


def bomb(path):
    """A file that says it is far larger than the archive."""
    data = path.read_bytes()
    size = Path(path).stat().st_size
    with zipfile.ZipFile(path) as file:
        real = file.getinfo("denoiser.safetensors").file_size
    at = data.rindex(b"denoiser.safetensors") - 46 + 20
    huge = (size * 1000).to_bytes(4, "little")
    assert data[at : at + 4] == real.to_bytes(4, "little")
    path.write_bytes(data[:at] + huge + huge + data[at + 8 :])


def outside_hdf5(path):
    """An HDF5 file that points at another file of the reader's machine."""
    part = path.with_suffix(".h5")
    with h5py.File(part, "w") as file:
        file["numbers"] = h5py.ExternalLink("/etc/passwd", "x")
    replace_signed(path, "pca.h5", part.read_bytes())


def huge_hdf5(path):
    part = path.with_suffix(".h5")
    with h5py.File(part, "w") as file:
        file.create_dataset("numbers", (10**9, 10**3), "f4", chunks=(10, 10), fillvalue=1.0)
    replace_signed(path, "pca.h5", part.read_bytes())


def loose_text(path):
    """Text of variable length: a crafted heap can make the HDF5 library loop for ever."""
    part = path.with_suffix(".h5")
    with h5py.File(part, "w") as file:
        file["names"] = ["a", "bc"]
    replace_signed(path, "pca.h5", part.read_bytes())


def loose_attribute(path):
    part = path.with_suffix(".h5")
    with h5py.File(part, "w") as file:
        file.attrs["name"] = "a"
    replace_signed(path, "pca.h5", part.read_bytes())


def sly_card(path):
    """An encoder's card whose arguments name a checkpoint to load."""
    card = json.dumps({"model_args": {"checkpoint_path": "/tmp/evil.pt"}}).encode()
    replace_signed(path, "encoder.json", card)


def replace_signed(path, name, data):
    """Replace a file and its hash in the manifest, as an attacker can."""
    known = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    rebuild(path, {name: data}, manifest=lambda m: m["files"].update({name: known}))


def unlisted(path):
    rebuild(path, manifest=lambda m: m["files"].pop("names.yaml"))


ATTACKS = {
    "not a zip": (lambda p: p.write_bytes(b"hello"), "damaged, or not a zip file"),
    "empty": (lambda p: p.write_bytes(b""), "damaged, or not a zip file"),
    "cut short": (cut, "damaged, or not a zip file"),
    "a flipped bit": (damage, "damaged, or not a zip file|another sha256"),
    "parent folder": (lambda p: rebuild(p, add=[("../evil.h5", b"x")]), "path outside its folder"),
    "absolute": (lambda p: rebuild(p, add=[("/tmp/evil.h5", b"x")]), "path outside its folder"),
    "drive": (lambda p: rebuild(p, add=[("C:evil.h5", b"x")]), "path outside its folder"),
    "backslash": (lambda p: rebuild(p, add=[("..\\evil", b"x")]), "path outside its folder"),
    "link": (
        lambda p: rebuild(p, drop=["names.yaml"], add=[(link("names.yaml"), b"/etc/passwd")]),
        "a link or not a plain file",
    ),
    "other name": (
        lambda p: rebuild(p, add=[("run.py", b"x")]),
        "'run.py', which is not a file of",
    ),
    "folder inside": (
        lambda p: rebuild(p, add=[("a/pca.h5", b"x")]),
        "which is not a file of a mod",
    ),
    "not in manifest": (unlisted, "'names.yaml', which its manifest does not name"),
    "extra in manifest": (
        lambda p: rebuild(p, manifest=lambda m: m["files"].update(x={"sha256": "", "bytes": 0})),
        "'x' in its manifest",
    ),
    "file missing": (lambda p: rebuild(p, drop=["pca.h5"]), "lacks 'pca.h5'"),
    "no manifest": (lambda p: rebuild(p, drop=["manifest.json"]), "has no manifest.json"),
    "broken manifest": (lambda p: rebuild(p, {"manifest.json": b"{"}), "cannot be read"),
    "odd manifest": (lambda p: rebuild(p, {"manifest.json": b"[]"}), "cannot be read"),
    "hollow manifest": (
        lambda p: rebuild(p, manifest=lambda m: m.update(files={"pca.h5": {}})),
        "cannot be read",
    ),
    "version": (lambda p: rebuild(p, manifest=lambda m: m.update(version=9)), "version 9, expecte"),
    "format": (lambda p: rebuild(p, manifest=lambda m: m.update(format="x")), "format is 'x'"),
    "wrong hash": (wrong_hash, "'names.yaml' with another sha256"),
    "wrong size": (
        lambda p: rebuild(p, manifest=lambda m: m["files"]["pca.h5"].update(bytes=1)),
        "its manifest says otherwise",
    ),
    "compressed": (lambda p: rebuild(p, compress=zipfile.ZIP_DEFLATED), "compressed or encrypted"),
    "bomb": (bomb, "larger than the archive"),
    "linked HDF5": (outside_hdf5, "'pca.h5' with a link"),
    "text of variable length": (loose_text, "values of variable length, 'names'"),
    "attribute of variable length": (loose_attribute, "values of variable length, attribute"),
    "huge HDF5": (huge_hdf5, "'numbers' larger than the file"),
    "no HDF5": (lambda p: replace_signed(p, "pca.h5", b"no HDF5"), "no readable HDF5"),
    "sly card": (sly_card, "unknown argument 'checkpoint_path'"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_anything_else_is_refused_in_a_sentence_and_nothing_unpacked(archive, tmp_path, attack):
    spoil, says = ATTACKS[attack]
    spoil(archive)
    out = tmp_path / "out"
    with pytest.raises(InputError, match=says) as caught:
        model_archive.unpack_model(archive, out)
    assert str(archive) in str(caught.value)
    assert str(caught.value).count("\n") < 3
    assert list(out.iterdir()) == []
    assert not (tmp_path / "evil.h5").exists()


def test_a_name_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "model.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("\u00e4.txt", "x")
    path.write_bytes(path.read_bytes().replace("\u00e4".encode(), b"\xb9\xb9"))
    with pytest.raises(InputError, match="damaged"):
        model_archive.unpack_model(path, tmp_path / "out")


def test_a_name_twice_is_refused(archive, tmp_path):
    with zipfile.ZipFile(archive, "a") as file, pytest.warns(UserWarning, match="Duplicate"):
        file.writestr("names.yaml", b"other")
    with pytest.raises(InputError, match=r"'names\.yaml' twice"):
        model_archive.unpack_model(archive, tmp_path / "out")


def test_earlier_files_stay_when_a_new_archive_is_refused(archive, tmp_path):
    out = tmp_path / "out"
    model_archive.unpack_model(archive, out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    spoiled = tmp_path / "spoiled.zip"
    shutil.copy(archive, spoiled)
    wrong_hash(spoiled)
    with pytest.raises(InputError):
        model_archive.unpack_model(spoiled, out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
