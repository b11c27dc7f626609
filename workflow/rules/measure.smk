# Takes: the original cutouts, never the denoised ones.
# Leaves: morphological parameters, one shard for each shard of cutouts.


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
    script:
        "../../scripts/measure_morphology.py"
