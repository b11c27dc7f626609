"""One reference and fields that use its model frozen, from the same config, folder and archive."""

import copy
import json
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
import yaml
from astropy.io import fits
from astropy.table import Table
from paths import ROOT
from project import run_snakemake
from scipy.ndimage import gaussian_filter

from morphovote.classify.assignment import classify_file
from morphovote.denoise import network as denoiser_network
from morphovote.denoise.schemes import denoise_shard
from morphovote.encode import encoding
from morphovote.encode import weights as encoder_weights
from morphovote.fields import cutouts
from morphovote.fields.sky import read_sky
from morphovote.fields.sources import read_sources
from morphovote.measure.sections import measure_on_images
from morphovote.polar.schemes import unwrap_shard
from morphovote.reduce.pca import project_shards
from morphovote.storage import shards
from morphovote.vote.bagged import cast_votes_file
from morphovote.vote.strangeness import load_reference, strangeness

MODULE = """
configfile: "mine.yaml"
module morphovote:
    snakefile: "{snakefile}"
    config: config["morphovote"]
use rule * from morphovote as morphovote_*
rule bars:
    default_target: True
    input: "results/second/catalogue.fits", "results/second/report.html"
    output: "bars.csv"
    shell: "touch {{output}}"
"""


def with_fields(config, **fields):
    return copy.deepcopy(config) | {"fields": config["fields"] | fields}


@pytest.fixture(scope="module")
def config(small_config):
    """The reference, a field like it, and the reference seen by a worse telescope."""
    second = {"simulate": {"galaxies": 60, "seed": 4}, "model": "results/small/model"}
    wide = {
        "images": "wide/image.fits",
        "rms": "wide/rms.fits",
        "psf": "wide/psf.fits",
        "catalogue": "wide/catalogue.fits",
        "columns": {"id": "ID", "ra": "RA", "dec": "DEC", "mag": "MAG_AUTO"},
        "zero_point": 25.94,
        "model": "results/small/model.zip",
    }
    return with_fields(small_config, second=second, wide=wide)


def observe_again(simulated, folder):
    """The noiseless field with a PSF of 0.4 arcsec in pixels of 0.06 arcsec."""
    folder.mkdir()

    def rebin(image):
        rows, columns = (side // 2 for side in image.shape)
        pairs = image[: 2 * rows, : 2 * columns].reshape(rows, 2, columns, 2)
        return pairs.sum(axis=(1, 3), dtype=float)

    with fits.open(simulated / "noiseless.fits") as hdus:
        light = rebin(gaussian_filter(hdus[0].data, 5.5))
    with fits.open(simulated / "image.fits") as hdus:
        header = hdus[0].header
    for axis in (1, 2):
        header[f"CDELT{axis}"] *= 2
        header[f"CRPIX{axis}"] = (header[f"CRPIX{axis}"] - 0.5) / 2 + 0.5
    with fits.open(simulated / "rms.fits") as hdus:
        rms = np.sqrt(rebin(hdus[0].data.astype(float) ** 2))
    noise = np.random.default_rng(0).normal(size=light.shape) * rms
    fits.writeto(folder / "image.fits", (light + noise).astype(np.float32), header)
    fits.writeto(folder / "rms.fits", rms.astype(np.float32), header)
    with fits.open(simulated / "psf.fits") as hdus:
        psf = gaussian_filter(hdus[0].data, 5.5)
    # Of 101 pixels every other one: the middle stays the middle.
    fits.writeto(folder / "psf.fits", psf[::2, ::2])
    shutil.copy(simulated / "catalogue.fits", folder)


@pytest.fixture(scope="module")
def frozen(finished, config, tmp_path_factory):
    """A copy of the finished checkout, in which the other fields have run."""
    folder = tmp_path_factory.mktemp("frozen") / "checkout"
    shutil.copytree(finished.folder, folder)
    observe_again(folder / "results/small/simulated", folder / "wide")
    project = replace(finished, folder=folder)
    wanted = ["results/second/catalogue.fits", "results/second/report.html"]
    project.snakemake(*wanted, "results/wide/figures/shift.png", config=config)
    return project


def read(path):
    return json.loads(path.read_text())


def test_nothing_is_fitted_but_on_the_reference(frozen):
    results = frozen.folder / "results"
    for field in ("second", "wide"):
        assert not (results / field / "model").exists()
        assert not (results / field / "voters.h5").exists()
    votes = [shards.read_attributes(results / f / "votes.h5")["voters"] for f in ("small", "wide")]
    assert votes[0] == votes[1]


def test_a_field_drawn_like_the_reference_is_trusted_and_its_report_says_so(frozen):
    results = frozen.folder / "results/second"
    shift = read(results / "shift.json")
    assert shift["verdict"] == "trust", shift["sentence"]
    assert shift["conversions"] == []
    summary = read(results / "summary.json")
    assert summary["shift"]["verdict"] == "trust"
    assert summary["model"]["field"] == "small"
    page = (results / "report.html").read_text()
    assert "fitted on 60 galaxies of field small, at 0.03 arcsec a pixel" in page
    assert "Can the frozen model be trusted on this field?" in page
    own = (frozen.folder / "results/small/report.html").read_text()
    assert "were fitted on 60 galaxies of field small, at 0.03 arcsec a pixel" in own
    assert "frozen model be trusted" not in own
    assert len(Table.read(results / "catalogue.fits")) == 60


def test_a_worse_telescope_is_converted_and_not_trusted(frozen, monkeypatch):
    results = frozen.folder / "results/wide"
    shift = read(results / "shift.json")
    assert shift["verdict"] == "no trust", shift["sentence"]
    widths = shift["images"]["psf_fwhm"]
    assert widths["field"] > 2.5 * widths["reference"]
    (conversion,) = shift["conversions"]
    assert (conversion["from"], conversion["to"]) == (pytest.approx(0.06), pytest.approx(0.03))
    attributes = shards.read_attributes(results / "cutouts/00000.h5")
    assert attributes["pixel_scale"] == pytest.approx(0.03)
    assert attributes["images_pixel_scale"] == pytest.approx(0.06)
    assert "resampled" in (results / "logs/make_cutouts/00000.log").read_text()
    monkeypatch.chdir(frozen.folder)
    sources, tiles = read_sources(results / "sources.fits")
    sky = read_sky(results / "sky.h5")
    native = cutouts.make_cutouts(sources[sources["SHARD"] == 0], tiles, 50, sky=sky)
    flux = shards.read_shard(results / "cutouts/00000.h5", ["image"])["image"].sum(axis=(1, 2))
    bright = native["snr"] > 30
    assert bright.sum() > 5
    expected = native["image"][bright].sum(axis=(1, 2))
    np.testing.assert_allclose(flux[bright], expected, rtol=1e-4)


def test_archive_is_unpacked_and_brings_its_encoder(frozen):
    folder = frozen.folder / "results/wide/frozen_model"
    model = read(folder / "model.json")
    assert model["field"] == "small"
    assert model["band"] == "F814W"
    assert 0.05 < model["psf_fwhm"] < 0.15
    assert 26 < model["point_limit"] < 29
    for name in ("model/voters.h5", "model/names.yaml"):
        copied = folder / name.split("/")[1]
        assert copied.read_bytes() == (frozen.folder / "results/small" / name).read_bytes()
    weights = (frozen.folder / "results/encoder/encoder.safetensors").read_bytes()
    assert (folder / "encoder.safetensors").read_bytes() == weights


def test_second_run_does_nothing(frozen, config):
    wanted = ["results/second/catalogue.fits", "results/second/report.html"]
    output = frozen.snakemake("--dry-run", *wanted, "results/wide/shift.json", config=config).stdout
    assert "Nothing to be done" in output


def test_naming_the_reference_runs_no_long_job_of_a_frozen_field(frozen, config):
    (frozen.folder / "named.yaml").write_text("groups: {0: SPH}\n")
    named = config | {"classes": {"names": "named.yaml"}}
    output = frozen.snakemake("--dry-run", "results/second/report.html", config=named).stdout
    jobs = {
        line.split()[0]: int(line.split()[1])
        for line in output.splitlines()
        if len(line.split()) == 2 and line.split()[1].isdigit()
    }
    assert jobs["classify_galaxies"] >= 1
    assert not set(jobs) & {"make_cutouts", "denoise_cutouts", "encode_polar", "measure_morphology"}


def test_mismatch_stops_before_the_long_jobs_in_one_sentence(frozen, config):
    shutil.copytree(frozen.folder / "results/small/model", frozen.folder / "elsewhere")
    other = with_fields(config, third={"simulate": {"galaxies": 30}, "model": "elsewhere"})
    other["encoder"] = {"rotations": 3}
    process = frozen.snakemake("--dry-run", "results/third/votes.h5", config=other, check=False)
    assert process.returncode != 0
    assert "encoder.rotations: found 3, but the model that fields.third uses" in process.stdout
    assert "Traceback" not in process.stdout


def test_a_damaged_archive_stops_in_one_sentence(frozen, config):
    data = bytearray((frozen.folder / "results/small/model.zip").read_bytes())
    data[len(data) // 2] ^= 1
    (frozen.folder / "damaged.zip").write_bytes(data)
    third = {"simulate": {"galaxies": 30}, "model": "damaged.zip"}
    target = "results/third/frozen_model/model.json"
    process = frozen.snakemake(target, config=with_fields(config, third=third), check=False)
    assert process.returncode != 0
    assert "ERROR: damaged.zip: " in process.stdout
    assert "Traceback" not in process.stdout
    assert not (frozen.folder / target).exists()


def test_module_of_another_workflow(frozen, config, tmp_path):
    text = MODULE.format(snakefile=frozen.folder / "Snakefile")
    (tmp_path / "Snakefile").write_text(text)
    mine = copy.deepcopy(config)
    del mine["fields"]["wide"]
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({"morphovote": mine}))
    command = ["--dry-run", "--cores", "1"]
    fresh = run_snakemake(tmp_path, command)
    assert fresh.returncode == 0, fresh.stdout
    assert "morphovote_check_shift" in fresh.stdout
    # Behind the checkpoint as well: what is finished is not made again.
    shutil.copytree(frozen.folder / "results/small", tmp_path / "results/small")
    shutil.copytree(frozen.folder / "results/encoder", tmp_path / "results/encoder")
    shutil.copytree(frozen.folder / "results/second", tmp_path / "results/second")
    os.remove(tmp_path / "results/second/report.html")
    later = run_snakemake(tmp_path, command)
    # As planned jobs; finished ones are named too, where Snakemake lists what it has no record of.
    assert "rule morphovote_build_report:" in later.stdout
    assert "rule morphovote_encode_polar:" not in later.stdout


def test_directory_option(frozen, config, tmp_path):
    work, path = tmp_path / "work", tmp_path / "mine.yaml"
    work.mkdir()
    mine = copy.deepcopy(config)
    del mine["fields"]["wide"]
    path.write_text(yaml.safe_dump(mine))
    command = ["--cores", "1", "--directory", str(work)]
    command += ["--snakefile", str(frozen.folder / "Snakefile"), "--configfile", str(path)]
    target = "results/encoder/encoder.json"
    process = run_snakemake(ROOT, [*command, "--replace-workflow-config", target])
    assert process.returncode == 0, process.stdout
    assert (work / target).read_bytes() == (frozen.folder / target).read_bytes()


def take_through(cutout, rows, parts, folder, model, encoder, listed):
    """Take galaxies, spread over a number of shards, from cutouts to measurements and classes."""
    folder.mkdir()
    network, card = encoder_weights.load_encoder(
        encoder / "encoder.safetensors", encoder / "encoder.json"
    )
    denoiser = denoiser_network.load_denoiser(model / "denoiser.safetensors")
    paths, measured = [], []
    for number, part in enumerate(np.array_split(rows, parts)):
        names = {step: folder / f"{step}{number}.h5" for step in ("cut", "clean", "polar", "code")}
        arrays = {name: values[part] for name, values in cutout.items()}
        shards.write_shard(names["cut"], arrays, {"pixel_scale": 0.03})
        denoise_shard("recorrupted", denoiser, names["cut"], names["clean"])
        unwrap_shard(names["clean"], names["cut"], names["polar"], "moments")
        embedding = encoding.encode_shard(names["polar"], network, card, "float32", 2, 2)
        known = {"row": arrays["row"], "id": arrays["id"], "embedding": embedding}
        known |= shards.read_shard(names["polar"], ["picture"])
        about = {"encoder": card["sha256"], "rotations": 2, "polar": "moments"}
        shards.write_shard(names["code"], known, about | {"input": "normalised"})
        paths.append(names["code"])
        # Without Sersic fits, which take their time.
        no_fits = np.zeros(len(listed[0]), bool)
        found, _ = measure_on_images(names["cut"], *listed, None, parts, None, no_fits)
        measured.append(found)
    project_shards(paths, model / "pca.h5", folder / "components.h5")
    cast_votes_file(
        folder / "components.h5", model / "voters.h5", model / "confidence.h5", folder / "votes.h5"
    )
    classify_file(
        folder / "votes.h5", model / "names.yaml", folder / "components.h5",
        model / "classifier.h5", sorted(folder.glob("cut*.h5")), folder / "classes.h5",
    )  # fmt: skip
    found = shards.read_shard(folder / "votes.h5") | shards.read_shard(folder / "classes.h5")
    found |= {key: np.concatenate([part[key] for part in measured]) for key in ("gini", "m20")}
    found["component"] = shards.read_shard(folder / "components.h5")["component"]
    found |= shards.concatenate(paths, ["embedding", "picture"])
    found["strangeness"] = strangeness(found["picture"], load_reference(model / "strangeness.h5"))
    return found


def test_a_galaxy_is_its_own_result_to_the_bit(frozen, tmp_path, monkeypatch):
    # The source list names its images as the workflow sees them.
    monkeypatch.chdir(frozen.folder)
    results = frozen.folder / "results"
    model, encoder = results / "small/model", results / "encoder"
    sources, tiles = read_sources(results / "second/sources.fits")
    order = np.random.default_rng(0).permutation(len(sources))
    runs = {
        "plain": (np.arange(len(sources)), 1),
        "shuffled": (order, 3),
        "half": (np.sort(order[: len(sources) // 2]), 2),
        "one": (order[:1], 1),
    }
    found = {}
    for name, (rows, parts) in runs.items():
        cutout = cutouts.make_cutouts(sources[rows], tiles, 100)
        found[name] = take_through(
            cutout, np.arange(len(rows)), parts, tmp_path / name, model, encoder, (sources, tiles)
        )
        found[name]["image"] = cutout["image"]
    plain = found.pop("plain")
    assert np.isfinite(plain["component"]).all(axis=1).sum() > 50
    for name, other in found.items():
        rows = runs[name][0]
        np.testing.assert_array_equal(other["id"], plain["id"][rows])
        for key in ("image", "embedding", "picture", "component", "counts", "distance",
                    "vote_confidence", "class_prob", "strangeness", "gini", "m20"):  # fmt: skip
            assert other[key].tobytes() == plain[key][rows].tobytes(), (name, key)
        np.testing.assert_array_equal(other["class"], plain["class"][rows])


def test_docs_show_what_is_tested():
    page = (ROOT / "docs/frozen.md").read_text()
    for words in ("use rule * from morphovote as morphovote_*", "--directory", "package-model"):
        assert words in page
