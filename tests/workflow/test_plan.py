"""After a change, the rules that depend on it run again, and no others."""

import json
import os

import pytest
from project import changed, copy_project

from morphovote.report.figures.table import FIGURES
from morphovote.storage.model_folder import MODEL_FILES

FROM_CATALOGUE = {
    f"plot_{figure.name}"
    for figure in FIGURES
    if "catalogue" in figure.inputs and not figure.condition
}
CLASS_TESTS = {"test_classes", "plot_separation"}
CALIBRATION = {"measure_anchors", "calibrate_measurements", "plot_measurement"}
CATALOGUE = {"write_catalogue", "write_summary", "build_report", "build_naming", "build_explore"}
FRACTIONS = {"correct_fractions", "plot_fractions"}
CATALOGUE |= FROM_CATALOGUE | CLASS_TESTS | FRACTIONS
MASSIVE = {"plot_structure", "plot_sizes", "plot_masses"} | CLASS_TESTS | FRACTIONS
NAMING = {"plot_confounders", "name_groups", "fit_classifier", "classify_galaxies", "choose_labels"}
NAMING |= {"plot_reliability", "describe_model"}
CLASSIFY = NAMING | CATALOGUE
STABILITY = {"check_stability", "plot_stability"}
CHECKS = STABILITY | {"audit_groups"}
FIT = {"fit_voters", "check_vote", "calibrate_votes"}
FIGURE_RULES = FROM_CATALOGUE | {"plot_separation", "plot_confounders", "plot_reliability"}
FIGURE_RULES |= {"plot_stability", "plot_training", "plot_fractions", "plot_measurement"}
VOTE = FIT | {"regroup_voters", "cast_votes", "place_anchors"} | CHECKS | CLASSIFY
REDUCE = {"fit_pca", "project_embeddings", "find_neighbours"} | VOTE
ENCODE = {"unwrap_polar", "encode_polar", "make_anchors", "fit_strangeness"} | REDUCE | CALIBRATION
DENOISE = {"train_denoiser", "denoise_cutouts", "plot_training"} | ENCODE
CUTOUTS = {"make_cutouts", "measure_morphology"} | DENOISE


def test_second_run_does_nothing(finished, small_config):
    assert finished.plan(small_config) == set()


@pytest.mark.parametrize(
    ("key", "value", "reruns"),
    [
        ("cutout.neighbours", "keep", CUTOUTS),
        ("denoiser.seed", 7, DENOISE),
        ("encoder.rotations", 3, ENCODE),
        ("encoder.seed", 5, ENCODE | {"fetch_encoder"}),
        ("pca.components", 5, REDUCE),
        ("voting.groups", 3, VOTE),
        ("diagnose.massive", 9.5, MASSIVE | {"write_summary", "build_report"}),
        ("measure.select", {"mag": [None, 23]}, CLASSIFY | {"measure_morphology", "audit_groups"}),
        (
            "measure.bulge_disc",
            "auto",
            CLASSIFY | CALIBRATION | {"measure_morphology", "audit_groups", "plot_bulges"},
        ),
    ],
)
def test_config_key_reruns_what_depends_on_it(finished, small_config, key, value, reruns):
    assert finished.plan(changed(small_config, key, value)) == reruns


def test_classes_rerun_the_naming_and_marks_the_casting_of_votes(finished, small_config):
    path = finished.folder / "plan_names.yaml"
    path.write_text("groups: {0: SPH}\n")
    config = changed(small_config, "classes.names", path.name)
    assert finished.plan(config) == CLASSIFY
    path.write_text("version: 1\ngroups: {0: SPH, 1: {merge: 0}}\n")
    assert finished.plan(config) == VOTE - FIT
    path.write_text("version: 1\ngroups: {0: DISC}\n")
    process = finished.snakemake("--dry-run", config=config, check=False)
    assert "class 'DISC' of group 0" in process.stdout
    assert "Traceback" not in process.stdout


def test_another_field_leaves_this_one_alone(finished, small_config):
    config = changed(small_config, "fields.other.simulate.galaxies", 30)
    output = finished.snakemake("--dry-run", config=config).stdout
    assert "results/other/sources.fits" in output
    assert "field=other" in output
    assert "field=small" not in output


@pytest.mark.parametrize(
    ("module", "reruns"),
    [
        ("polar/moments", ENCODE),
        ("vote/algorithms", VOTE),
        ("measure/morphology", CLASSIFY | CALIBRATION | {"measure_morphology", "audit_groups"}),
        ("report/page", {"build_report"}),
        ("report/figures/votes", {"plot_votes", "build_report"}),
        ("report/figures/style", FIGURE_RULES | {"build_report", "build_explore"}),
        (
            "report/figures/__init__",
            FIGURE_RULES | {"write_summary", "build_report", "build_explore"},
        ),
        ("reduce/__init__", REDUCE),
        ("report/figures/table", {"write_summary", "build_report"}),
        ("checks/perturbations", STABILITY | {"write_summary", "build_report"}),
        ("simulate/survey", None),
    ],
)
def test_edited_module_reruns_the_rules_that_use_it(finished, small_config, module, reruns):
    path = finished.folder / "scripts/morphovote" / f"{module}.py"
    original = path.read_text()
    try:
        path.write_text(original + "\n# an edit\n")
        plan = finished.plan(small_config)
    finally:
        path.write_text(original)
    if reruns is None:
        # Everything after depends on it; Snakemake sees no further than the checkpoint.
        assert {"simulate_field", "list_sources"} <= plan
    else:
        assert plan == reruns
    assert finished.plan(small_config) == set()


def test_frozen_model_fits_nothing(finished, small_config):
    config = changed(small_config, "fields.second.simulate.galaxies", 30)
    config = changed(config, "fields.second.model", "results/small/model")
    output = finished.snakemake("--dry-run", "results/second/votes.h5", config=config).stdout
    assert "results/second/sources.fits" in output
    assert "results/second/model" not in output


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("voting.group", 5), "unknown key 'group'"),
        (("voting.groups", "many"), "voting.groups: found 'many'"),
        (("fields.small", {"images": "nowhere/*.fits"}), "no file matches 'nowhere/*.fits'"),
    ],
)
def test_wrong_config_stops_before_any_job_with_one_sentence(finished, small_config, change, says):
    process = finished.snakemake(config=changed(small_config, *change), check=False)
    assert process.returncode != 0
    assert says in process.stdout
    assert "Traceback" not in process.stdout
    assert "rule " not in process.stdout


@pytest.mark.parametrize(
    ("size", "threads", "memory"), [(25, 1, 2004), (1000, 5, 2180), (10_000, 16, 3800)]
)
def test_a_job_asks_for_what_its_shard_needs(project, small_config, size, threads, memory):
    config = changed(small_config, "shard_size", size)
    arguments = ("--dry-run", "--cores", "32", "--forcerun", "make_cutouts")
    target = "results/small/cutouts/00000.h5"
    output = project.snakemake(*arguments, "--", target, config=config).stdout
    job = output[output.index("rule make_cutouts:") :].split("\n\n")[0]
    assert f"mem_mb={memory}," in job
    assert f"threads: {threads}\n" in job or threads == 1


@pytest.fixture
def frozen(tmp_path, small_config):
    """Plan of the check of a field whose model an earlier run has left, after touching a file."""
    project = copy_project(tmp_path)
    field = {"simulate": {"galaxies": 60}, "model": "results/small/model"}
    config = changed(small_config, "fields", {"second": field})
    made = {"results/small/model": MODEL_FILES, "results/second": ("sources.fits",)}
    about = {"field": "small", "pixel_scale": 0.03, "settings": {}, "encoder": {}}
    made |= {"results/encoder": ("encoder.json",), "results/second/": ("transfer.json",)}

    def plan(name):
        for age, (folder, names) in enumerate(made.items()):
            for file in names:
                path = tmp_path / folder / file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(json.dumps(about) if file == "model.json" else "")
                os.utime(path, (1e9 + age, 1e9 + age))
        (tmp_path / "results/small/model" / name).touch()
        words = ["--dry-run", "--rerun-triggers", "mtime", "--allowed-rules", "check_model", "--"]
        target = "results/second/transfer.json"
        return project.snakemake(*words, target, config=config).stdout

    return plan


@pytest.mark.parametrize(
    ("touched", "reruns"), [("model.json", False), ("denoiser.safetensors", True)]
)
def test_frozen_model_is_checked_again_when_it_was_fitted_again(frozen, touched, reruns):
    assert ("rule check_model:" in frozen(touched)) == reruns
