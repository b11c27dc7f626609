"""Cases of bad input in the config, the file of names, models and weights; adds to `CASES`."""

import os

import h5py
import numpy as np
from bad_input import PLACES, ROOT, SCHEMA, catalogue, goes_on, image, placed, start, stops

from morphovote.config import files, resolve
from morphovote.fields.sources import read_sources, write_sources
from morphovote.groups.names import marks_of
from morphovote.reduce import pca
from morphovote.storage import model_files, shards
from morphovote.vote import bagged


def complete(options: dict | None = None, **field) -> str:
    """Check a config whose field is simulated unless told otherwise."""
    field = field or {"simulate": {"galaxies": 50}}
    resolve.complete_config({"fields": {"f": field}} | (options or {}), SCHEMA, PLACES)
    return "accepted"


# --- config ------------------------------------------------------------------------------------

for _given, _options, _says in (
    ("an unknown key", {"voting": {"group": 5}}, ("voting", "'group'", "Did you mean groups?")),
    ("an unknown section", {"fileds": {}}, ("'fileds'", "Did you mean fields?")),
    ("a word for a number", {"shard_size": "many"}, ("shard_size", "'many'", "integer")),
    ("yes for a number", {"shard_size": True}, ("shard_size", "True", "integer")),
    ("a number out of range", {"cutout": {"size": 8}}, ("cutout.size", "8", "32")),
    ("a word that is no choice", {"polar": {"scheme": "best"}}, ("polar.scheme", "'best'")),
    ("nothing under fields", {"fields": None}, ("fields", "None", "object")),
    ("a field called all", {"fields": {"all": {"simulate": {}}}}, ("'all'", "Rename")),
    ("a field with a slash", {"fields": {"a/b": {"simulate": {}}}}, ("'a/b'", "Rename")),
    ("a field of dots", {"fields": {"../x": {"simulate": {}}}}, ("'../x'", "Rename")),
    ("a field $(touch x)", {"fields": {"$(touch x)": {"simulate": {}}}}, ("$(touch x)", "Rename")),
    ("a field <script>", {"fields": {"<script>": {"simulate": {}}}}, ("<script>", "Rename")),
    ("a field with a line break", {"fields": {"f\n": {"simulate": {}}}}, ("'f\\n'", "Rename")),
    ("a field of 10,000 letters", {"fields": {"f" * 10**4: {"simulate": {}}}}, ("100 letters",)),
    ("a number as field", {"fields": {2023: {"simulate": {}}}}, ("2023", "quotes")),
    ("a seed of 1e20", {"voting": {"seed": 10**20}}, ("voting.seed", "4294967295")),
    ("NaN as a number", {"diagnose": {"massive": float("nan")}}, ("diagnose.massive", "nan")),
    ("a share above one", {"pca": {"components": 1.5}}, ("pca.components", "1.5")),
    ("more groups than galaxies", {"voting": {"groups": 60}}, ("voting.groups", "60", "50")),
    ("a cut in measure.select on an unknown", {"measure": {"select": {"colour": [0, 1]}}},
     ("measure.select.colour", "redshift")),
    ("an unknown word for bulge and disc", {"measure": {"bulge_disc": "some"}},
     ("measure.bulge_disc", "some", "auto")),
    ("a cut the wrong way round", {"measure": {"select": {"mag": [25, 20]}}},
     ("measure.select.mag", "[25, 20]")),
    ("published steps that do not fit", {"polar": {"scheme": "published"}},
     ("encoder.input", "polar.scheme")),
    ("weights that are not there", {"encoder": {"weights": "my.safetensors"}},
     ("encoder.weights", "'my.safetensors'")),
    ("names that are not there", {"classes": {"names": "names.yaml"}},
     ("classes.names", "'names.yaml'")),
):  # fmt: skip

    @stops("config", _given, *_says)
    def _(folder, options=_options):
        return complete(options)


@stops("config", "images and cutouts for one field", "fields.f", "images and cutouts")
def _(folder):
    return complete(images="a.fits", cutouts="b.fits")


@stops("config", "a model that is not there", "fields.f.model", "nowhere", "Give the model folder")
def _(folder):
    return complete(simulate={"galaxies": 50}, model="nowhere")


@stops("config", "a pattern that nothing matches", "fields.f.images", "'no*.fits'")
def _(folder):
    return complete(images="no*.fits")


@stops("config", "columns without a catalogue", "fields.f", "columns but no catalogue")
def _(folder):
    return complete(images=str(image(folder)), columns={"id": "ID"})


@stops("config", "a path with braces", "fields.f.images", "{a}.fits", "braces")
def _(folder):
    return complete(images=str(image(folder, name="{a}.fits")))


@goes_on("config", "paths with spaces, brackets and other alphabets", "at (60.0, 60.0)")
def _(folder):
    (folder / "mes données").mkdir()
    path = image(folder / "mes données", name="ångström [1] 銀河.fits")
    table = catalogue(folder / "mes données", name="Каталог 2.fits")
    sources, tiles = start(images=path, catalogue=table)
    write_sources(folder / "sources.fits", sources, tiles)
    _, again = read_sources(folder / "sources.fits")
    assert (again["IMAGE"][0], again.meta["CATALOG"]) == (str(path), str(table))
    return placed(images=path, catalogue=table)


@stops("config", "YAML with a bracket that is not closed", "my.yaml, line 3, column 4")
def _(folder):
    (folder / "my.yaml").write_text("fields:\n  a: {b: c\n  x: 1")
    return files.read_yaml(folder / "my.yaml")


@stops("config", "YAML with a tab", "my.yaml, line 2, column 1", "tabs")
def _(folder):
    (folder / "my.yaml").write_text("fields:\n\ta: 1\n")
    return files.read_yaml(folder / "my.yaml")


@stops("config", "YAML that builds Python objects", "my.yaml, line 1", "python/object")
def _(folder):
    text = "!!python/object/apply:os.system ['touch x']"
    (folder / "my.yaml").write_text(text)
    try:
        return files.read_yaml(folder / "my.yaml")
    finally:
        assert not (folder / "x").exists()


@stops("config", "an empty file", "my.yaml", "no table of keys")
def _(folder):
    (folder / "my.yaml").touch()
    return files.read_yaml(folder / "my.yaml")


@stops("results", "a file called results", "results", "found a file", "folder")
def _(folder):
    (folder / "results").touch()
    return complete()


@stops("results", "a link to nowhere", "results", "a link to /nowhere")
def _(folder):
    (folder / "results").symlink_to("/nowhere")
    return complete()


@goes_on("results", "a link to another disk", "accepted")
def _(folder):
    (folder / "disk").mkdir()
    (folder / "results").symlink_to(folder / "disk")
    return complete()


@stops("results", "a folder without write permission", "results", "without write permission")
def _(folder):
    (folder / "results").mkdir()
    access = os.access
    os.access = lambda *given: False  # a test may run as root, who may write anywhere
    try:
        return complete()
    finally:
        os.access = access


# --- names -------------------------------------------------------------------------------------

for _given, _text, _says in (
    ("an unknown class", "groups: {0: DISC}", ("class 'DISC' of group 0", "SPH")),
    ("a group that there is not", "groups: {0: SPH, 44: ETD}", ("group 44", "0 to 19")),
    ("a negative group", "groups: {-1: SPH}", ("group -1", "numbers from 0")),
    ("no table of groups", "0: SPH", ("no table 'groups'",)),
    ("a key misspelt", "groups: {0: SPH}\nclases: {}", ("unknown key clases",)),
    ("another version", "version: 9\ngroups: {0: SPH}", ("'version' is 9", "expected 1")),
    ("merges in a circle", "version: 1\ngroups: {0: {merge: 1}, 1: {merge: 0}}", ("circle",)),
    ("no YAML", "groups: [", ("not a readable YAML file", "line 1")),
    ("a class <script>", "groups: {0: <script>}", ("class '<script>' of group 0",)),
):

    @stops("names", _given, "names.yaml", *_says)
    def _(folder, text=_text):
        (folder / "names.yaml").write_text(text)
        return marks_of(folder / "names.yaml", 20)


@stops("names", "not UTF-8", "names.yaml, line 1", "UTF-8", "Latin-1")
def _(folder):
    (folder / "names.yaml").write_bytes("groups: {0: {note: für}}".encode("latin-1"))
    return marks_of(folder / "names.yaml", 20)


# --- vote --------------------------------------------------------------------------------------


@stops("vote", "fewer galaxies than groups", "voting.groups is 20", "10 galaxies")
def _(folder):
    points = np.random.default_rng(0).normal(size=(10, 4)).astype(np.float32)
    return bagged.fit_voters(points, 20, 0.667, 0, 7)


@goes_on("vote", "fewer galaxies than components", "9 components")
def _(folder):
    sample = np.random.default_rng(0).normal(size=(10, 320)).astype(np.float32)
    return f"{len(pca.fit_pca(sample, 40)['components'])} components"


@stops("vote", "galaxies that are all alike", "same features")
def _(folder):
    return pca.fit_pca(np.ones((30, 320), np.float32), 0.95)


# --- models, weights, shards -------------------------------------------------------------------


def model(folder, name="pca.h5", **changes):
    """Write a small PCA."""
    arrays = {"mean": np.zeros(3), "components": np.eye(3)} | changes
    model_files.write_model(folder / name, "pca", arrays, {})
    return folder / name


@stops("model", "an incomplete folder", "fields.f.model", "lacks", "voters.h5")
def _(folder):
    (folder / "model").mkdir()
    model(folder / "model")
    return start(images=image(folder), model=str(folder / "model"))


@stops("model", "two files swapped", "voters.h5", "'pca'", "expected 'voters'")
def _(folder):
    return model_files.read_model(model(folder, "voters.h5"), "voters", ("labels",))


@stops("model", "from another version", "pca.h5", "no array scale", "another version")
def _(folder):
    return model_files.read_model(model(folder), "pca", ("mean", "scale"))


@stops("model", "NaN in it", "pca.h5", "'mean'", "not finite")
def _(folder):
    return model_files.read_model(model(folder, mean=np.full(3, np.nan)), "pca", ("mean",))


@stops(
    "model", "a file of another model", "pca.h5", "differs", "model.json", "Take the whole folder"
)
def _(folder):
    from morphovote.model.compatibility import check_files
    from morphovote.storage.digests import hash_file

    known = hash_file(model(folder))
    model(folder, mean=np.ones(3))
    return str(check_files({"files": {"pca.h5": known}}, folder))


@stops("model", "a byte changed on the disk", "pca.h5", "damaged", "model folder")
def _(folder):
    (folder / "model").mkdir()
    path = model(folder / "model")
    content = bytearray(path.read_bytes())
    content[content.index(np.eye(3).tobytes()) + 1] ^= 1
    path.write_bytes(content)
    return model_files.read_model(path, "pca", ("mean", "components"))


@stops("model", "text of variable length", "pca.h5", "variable length", "version")
def _(folder):
    path = model(folder)
    with h5py.File(path, "a") as file:
        file.attrs["name"] = "a"
    return model_files.read_model(path, "pca", ("mean",))


@stops("model", "cut short", "pca.h5", "not a readable HDF5")
def _(folder):
    path = model(folder)
    path.write_bytes(path.read_bytes()[:1500])
    return model_files.read_model(path, "pca", ("mean",))


@stops("weights", "no safetensors file", "w.safetensors", "not a readable safetensors")
def _(folder):
    (folder / "w.safetensors").write_bytes(b"\x80\x04 a pickle, say")
    return fetch(folder, "convnext_atto")


@stops("weights", "a safetensors file cut short", "w.safetensors", "not a readable safetensors")
def _(folder):
    bundled = ROOT / "resources/encoder/encoder.safetensors"
    (folder / "w.safetensors").write_bytes(bundled.read_bytes()[:-1000])
    return fetch(folder, "convnext_atto")


@stops("weights", "NaN in it", "w.safetensors", "not finite", "stem")
def _(folder):
    from safetensors.numpy import load_file, save_file

    state = load_file(ROOT / "resources/encoder/encoder.safetensors")
    state["stem.0.weight"][0, 0, 0, 0] = np.nan
    save_file(state, folder / "w.safetensors")
    return fetch(folder, "convnext_atto")


@stops("weights", "of another architecture", "w.safetensors", "convnext_femto")
def _(folder):
    bundled = ROOT / "resources/encoder/encoder.safetensors"
    (folder / "w.safetensors").write_bytes(bundled.read_bytes())
    return fetch(folder, "convnext_femto")


def fetch(folder, name):
    """Fetch the encoder from w.safetensors."""
    from morphovote.encode.weights import fetch_encoder

    path = folder / "w.safetensors"
    return fetch_encoder(name, str(path), 0, folder / "out/e.safetensors", folder / "out/c.json")


@stops("shard", "a byte changed on the disk", "00000.h5", "damaged", "make_cutouts")
def _(folder):
    path = folder / "cutouts/00000.h5"
    image_ = np.random.default_rng(0).normal(size=(20, 16, 16))
    shards.write_shard(path, {"row": np.arange(20), "image": image_})
    with h5py.File(path) as file:
        place = file["image"].id.get_chunk_info(0).byte_offset
    content = bytearray(path.read_bytes())
    content[place + 99] ^= 1
    path.write_bytes(content)
    return shards.read_shard(path)


@stops("shard", "cut short", "00000.h5", "make_cutouts")
def _(folder):
    path = folder / "cutouts/00000.h5"
    shards.write_shard(path, {"row": np.arange(9)})
    path.write_bytes(path.read_bytes()[:-300])
    return shards.read_shard(path)


@stops("shard", "deleted between two jobs", "00000.h5", "make_cutouts")
def _(folder):
    return shards.read_shard(folder / "cutouts/00000.h5")
