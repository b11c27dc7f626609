"""What would run again after a change: what depends on it, and nothing else."""

import copy

import pytest

DIAGNOSE = {
    "plot_votes",
    "plot_galleries",
    "plot_tsne",
    "plot_structure",
    "plot_sizes",
    "plot_colours",
    "write_summary",
    "build_report",
}
CATALOGUE = {"write_catalogue"} | DIAGNOSE
CLASSIFY = {"name_groups", "fit_classifier", "classify_galaxies"} | CATALOGUE
VOTE = {"fit_voters", "cast_votes", "check_vote"} | CLASSIFY
REDUCE = {"fit_pca", "project_embeddings"} | VOTE
ENCODE = {"unwrap_polar", "encode_polar"} | REDUCE
DENOISE = {"train_denoiser", "denoise_cutouts", "plot_training"} | ENCODE
CUTOUTS = {"make_cutouts", "measure_morphology"} | DENOISE


def changed(config: dict, key: str, value) -> dict:
    """Copy of a config with one dotted key changed."""
    config = copy.deepcopy(config)
    *sections, last = key.split(".")
    part = config
    for section in sections:
        part = part.setdefault(section, {})
    part[last] = value
    return config


def test_second_run_does_nothing(finished, small_config):
    assert finished.plan(small_config) == set()


@pytest.mark.parametrize(
    ("key", "value", "reruns"),
    [
        ("cutout.neighbours", "keep", CUTOUTS),
        ("denoiser.seed", 7, DENOISE),
        ("encoder.rotations", 2, ENCODE),
        ("encoder.seed", 5, ENCODE | {"fetch_encoder"}),
        ("pca.components", 5, REDUCE),
        ("voting.groups", 3, VOTE),
        ("measure.select", {"mag": [None, 23]}, CLASSIFY | {"measure_morphology"}),
    ],
)
def test_config_key_reruns_what_depends_on_it(finished, small_config, key, value, reruns):
    assert finished.plan(changed(small_config, key, value)) == reruns


def test_another_field_leaves_this_one_alone(finished, small_config):
    config = changed(small_config, "fields.other.simulate.galaxies", 30)
    output = finished.snakemake("--dry-run", config=config).stdout
    assert "results/other/sources.fits" in output
    assert "field=other" in output
    assert "field=small" not in output


@pytest.mark.parametrize(
    ("module", "reruns"),
    [
        ("polar", ENCODE),
        ("clustering", VOTE),
        ("measurement", CLASSIFY | {"measure_morphology"}),
        ("report", {"build_report"}),
        ("simulation", None),
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
