# Takes: denoised and polar shards of a field, and the encoder. Only on request (make adapt FIELD=...).
# Leaves: an encoder that has learnt from the field's own galaxies, and how it compares.


rule draw_field_views:
    """Draw views of a shard's galaxies: as they are, and as they would look further away."""
    input:
        denoised="results/{field}/denoised/{shard}.h5",
        cutouts="results/{field}/cutouts/{shard}.h5",
        polar="results/{field}/polar/{shard}.h5",
    output:
        "results/{field}/adapted/views/{shard}.h5",
    log:
        "results/{field}/logs/draw_field_views/{shard}.log",
    benchmark:
        "results/{field}/benchmarks/draw_field_views/{shard}.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("unwrap_polar", "draw_field_views"),
    script:
        "../../scripts/draw_field_views.py"


rule adapt_encoder:
    """Train the encoder further, on views of the field's galaxies and on simulated ones."""
    input:
        views=shards_of("adapted/views"),
        weights=encoder_file("encoder.safetensors"),
    output:
        weights="results/{field}/adapted/encoder.safetensors",
        card="results/{field}/adapted/encoder.json",
        curve="results/{field}/adapted/curve.csv",
    log:
        "results/{field}/logs/adapt_encoder.log",
    benchmark:
        "results/{field}/benchmarks/adapt_encoder.tsv"
    conda:
        "../../envs/morphovote.yaml"
    threads: 2
    resources:
        gpu=GPUS,
    params:
        code=code_digest("adapt_encoder"),
        name=config["encoder"]["name"],
        # Not an output, so that an interrupted run can resume from it.
        checkpoint="results/{field}/adapted/checkpoint",
    script:
        "../../scripts/adapt_encoder.py"


rule judge_adaptation:
    """Compare the encoder before and after, on galaxies of the field that it did not learn from."""
    input:
        views=shards_of("adapted/views"),
        before=encoder_file("encoder.safetensors"),
        before_card=encoder_file("encoder.json"),
        after="results/{field}/adapted/encoder.safetensors",
        after_card="results/{field}/adapted/encoder.json",
        labels=field_entry("labels"),
    output:
        "results/{field}/adapted/comparison.csv",
    log:
        "results/{field}/logs/judge_adaptation.log",
    benchmark:
        "results/{field}/benchmarks/judge_adaptation.tsv"
    conda:
        "../../envs/morphovote.yaml"
    threads: 2
    params:
        code=code_digest("judge_adaptation"),
        vote={
            "rotations": config["encoder"]["rotations"],
            "components": config["pca"]["components"],
            "agreement": config["voting"]["agreement"],
            "seed": config["voting"]["seed"],
        },
    script:
        "../../scripts/judge_adaptation.py"
