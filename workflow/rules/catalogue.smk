# Takes: the results of every earlier stage, and the source catalogue.
# Leaves: the catalogue, one row per source, in four formats.


rule write_catalogue:
    """Join everything into one table, with units and descriptors."""
    input:
        sources="results/{field}/sources.fits",
        catalogue=field_entry("catalogue"),
        cutouts=shards_of("cutouts"),
        votes="results/{field}/votes.h5",
        classes="results/{field}/classes.h5",
        measurements=shards_of("measurements"),
        neighbours="results/{field}/neighbours.h5",
        calibration=model_file("measurement.h5"),
        bands=band_measurements_of,
    output:
        fits="results/{field}/catalogue.fits",
        parquet="results/{field}/catalogue.parquet",
        votable="results/{field}/catalogue.vot",
        cds="results/{field}/catalogue.dat",
        readme="results/{field}/ReadMe",
    log:
        "results/{field}/logs/write_catalogue.log",
    benchmark:
        "results/{field}/benchmarks/write_catalogue.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("write_catalogue"),
        given=given_files(field_entry("catalogue"), model_file("measurement.h5")),
    script:
        "../../scripts/write_catalogue.py"
