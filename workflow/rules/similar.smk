# Takes: galaxies that the user gives (similar_to), and a finished field.
# Leaves: on request, which galaxies of the field are most like them.


rule find_similar:
    """Find the galaxies of a field that are most like given ones, and how strange these are."""
    input:
        files=files_given,
        sources="results/{field}/sources.fits",
        cutouts=shards_of("cutouts"),
        components="results/{field}/components.h5",
        neighbours="results/{field}/neighbours.h5",
        catalogue="results/{field}/catalogue.parquet",
        denoiser=model_file("denoiser.safetensors"),
        weights=encoder_file("encoder.safetensors"),
        card=encoder_file("encoder.json"),
        pca=model_file("pca.h5"),
        voters=model_file("voters.h5"),
        strangeness=model_file("strangeness.h5"),
    output:
        "results/{field}/similar.csv",
    log:
        "results/{field}/logs/find_similar.log",
    benchmark:
        "results/{field}/benchmarks/find_similar.tsv"
    conda:
        "../../envs/morphovote.yaml"
    threads: 4
    params:
        code=code_digest("find_similar"),
        given=given_files(files_given),
        wanted=config["similar_to"],
        cutout={key: config["cutout"][key] for key in ("size", "neighbours")},
        steps=STEPS,
    script:
        "../../scripts/find_similar.py"


rule similar:
    """Find the galaxies of every field that are most like given ones."""
    input:
        expand("results/{field}/similar.csv", field=FIELDS),
