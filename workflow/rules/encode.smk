# Takes: polar shards, and the encoder's weights.
# Leaves: embeddings, and beside them the small pictures of the polar shards.

# Files from which the encoder's weights are taken.
WEIGHTS = {
    "bundled": [str(ROOT / "resources/encoder/encoder.safetensors")],
    "random": [],
    "pretrained": [],
}.get(config["encoder"]["weights"], [config["encoder"]["weights"]])


rule fetch_encoder:
    """Put the encoder's weights in place; needs a network."""
    input:
        weights=WEIGHTS,
    output:
        # A refused encoder leaves the one that is there.
        weights=update("results/encoder/encoder.safetensors"),
        card=update("results/encoder/encoder.json"),
    log:
        "results/encoder/logs/fetch_encoder.log",
    benchmark:
        "results/encoder/benchmarks/fetch_encoder.tsv"
    # First of all, so that a wrong name or file of weights is found at once, not after hours.
    priority: 100
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("fetch_encoder"),
        given=given_files(WEIGHTS),
        name=config["encoder"]["name"],
        weights=config["encoder"]["weights"],
        seed=config["encoder"]["seed"],
    script:
        "../../scripts/fetch_encoder.py"


rule encode_polar:
    """Encode one shard of polar images."""
    input:
        polar="results/{field}/polar/{shard}.h5",
        weights=encoder_file("encoder.safetensors"),
        card=encoder_file("encoder.json"),
    output:
        "results/{field}/embeddings/{shard}.h5",
    log:
        "results/{field}/logs/encode_polar/{shard}.log",
    benchmark:
        "results/{field}/benchmarks/encode_polar/{shard}.tsv"
    conda:
        "../../envs/morphovote.yaml"
    threads: SHARD_THREADS
    resources:
        gpu=GPUS,
    params:
        # The polar shards are temporary, so the digest must include the code that makes them.
        code=code_digest("unwrap_polar", "encode_polar"),
        scheme=config["polar"]["scheme"],
        input_scheme=config["encoder"]["input"],
        precision=config["encoder"]["precision"],
        rotations=config["encoder"]["rotations"],
    script:
        "../../scripts/encode_polar.py"
