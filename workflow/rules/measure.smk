# Takes: the original cutouts, never the denoised ones, and the anchors.
# Leaves: morphological parameters, one shard for each shard of cutouts; and in the model folder
# what measured anchors tell of their errors and losses.


rule measure_morphology:
    """Measure Gini, M20, concentration, asymmetry, smoothness and a Sersic fit."""
    input:
        cutouts="results/{field}/cutouts/{shard}.h5",
        psf=field_entry("psf"),
        sources="results/{field}/sources.fits",
        sky=sky_of("sky"),
    output:
        "results/{field}/measurements/{shard}.h5",
    log:
        "results/{field}/logs/measure_morphology/{shard}.log",
    benchmark:
        "results/{field}/benchmarks/measure_morphology/{shard}.tsv"
    conda:
        "../../envs/morphovote.yaml"
    threads: SHARD_THREADS
    params:
        code=code_digest("measure_morphology"),
        psf=field_entry("psf_plane"),
        oversampling=field_entry("psf_oversampling"),
        given=given_files(field_entry("psf")),
        engine=config["measure"]["engine"],
        select=config["measure"]["select"],
        bulge_disc=config["measure"]["bulge_disc"],
    script:
        "../../scripts/measure_morphology.py"


rule measure_bands:
    """Measure galaxies in every band of their field, on request."""
    input:
        cutouts="results/{field}/cutouts/{shard}.h5",
        sources="results/{field}/sources.fits",
        sky=sky_of("sky"),
    output:
        "results/{field}/band_measurements/{shard}.h5",
    log:
        "results/{field}/logs/measure_bands/{shard}.log",
    benchmark:
        "results/{field}/benchmarks/measure_bands/{shard}.tsv"
    conda:
        "../../envs/morphovote.yaml"
    threads: SHARD_THREADS
    params:
        code=code_digest("measure_bands"),
        bands=field_entry("bands"),
        engine=config["measure"]["engine"],
        select=config["measure"]["select"],
    script:
        "../../scripts/measure_bands.py"


rule measure_anchors:
    """Measure some anchors as the galaxies are, and once more without noise."""
    input:
        anchors="results/{field}/anchors.h5",
        sources="results/{field}/sources.fits",
        sky=sky_of("sky"),
        psf=field_entry("psf"),
        images=field_entry("images"),
        rms=field_entry("rms"),
        weight=field_entry("weight"),
        cutouts=shards_of("cutouts"),
    output:
        "results/{field}/anchor_measurements.h5",
    log:
        "results/{field}/logs/measure_anchors.log",
    benchmark:
        "results/{field}/benchmarks/measure_anchors.tsv"
    conda:
        "../../envs/morphovote.yaml"
    threads: 16
    params:
        code=code_digest("measure_anchors"),
        given=given_files(field_entry("psf")),
        size=config["cutout"]["size"],
        psf=field_entry("psf_plane"),
        oversampling=field_entry("psf_oversampling"),
        engine=config["measure"]["engine"],
        bulge_disc=config["measure"]["bulge_disc"],
    script:
        "../../scripts/measure_anchors.py"


rule calibrate_measurements:
    """Calibrate errors and correct parameters, by the measured anchors."""
    input:
        "results/{field}/anchor_measurements.h5",
    output:
        model="results/{field}/model/measurement.h5",
        table="results/{field}/figures/measurement.csv",
    log:
        "results/{field}/logs/calibrate_measurements.log",
    benchmark:
        "results/{field}/benchmarks/calibrate_measurements.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("calibrate_measurements"),
    script:
        "../../scripts/calibrate_measurements.py"
