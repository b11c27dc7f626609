# Takes: denoised shards, and the masks of the cutouts.
# Leaves: polar shards, which are deleted once they have been encoded.


rule unwrap_polar:
    """Unwrap one shard in polar coordinates, starting at each galaxy's own zero angle."""
    input:
        denoised="results/{field}/denoised/{shard}.h5",
        cutouts="results/{field}/cutouts/{shard}.h5",
    output:
        temp("results/{field}/polar/{shard}.h5"),
    log:
        "results/{field}/logs/unwrap_polar/{shard}.log",
    benchmark:
        "results/{field}/benchmarks/unwrap_polar/{shard}.tsv"
    conda:
        "../../envs/morphovote.yaml"
    threads: SHARD_THREADS
    params:
        code=code_digest("unwrap_polar"),
        scheme=config["polar"]["scheme"],
    script:
        "../../scripts/unwrap_polar.py"
