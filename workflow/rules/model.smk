# Takes: the fitted model files, and the galaxies to which they were fitted.
# Leaves: the model's description in the model folder; on request the model as one archive.
from morphovote.storage.model_folder import MODEL_FILES


rule describe_model:
    """Write a model's description: the data and settings with which it was fitted."""
    input:
        sources="results/{field}/sources.fits",
        cutouts=shards_of("cutouts"),
        embeddings=shards_of("embeddings"),
        psf=field_entry("psf"),
        card="results/encoder/encoder.json",
        files=[f"results/{{field}}/model/{name}" for name in MODEL_FILES if name != "model.json"],
    output:
        "results/{field}/model/model.json",
    log:
        "results/{field}/logs/describe_model.log",
    benchmark:
        "results/{field}/benchmarks/describe_model.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("describe_model"),
        psf=field_entry("psf_plane"),
        oversampling=field_entry("psf_oversampling"),
        config={
            key: config[key] for key in ("cutout", "denoiser", "polar", "encoder", "pca", "voting")
        },
    script:
        "../../scripts/describe_model.py"


rule package_model:
    """Pack a model and its encoder into one archive, with a manifest."""
    input:
        [model_file(name) for name in MODEL_FILES],
        encoder_file("encoder.safetensors"),
        encoder_file("encoder.json"),
    output:
        "results/{field}/model.zip",
    log:
        "results/{field}/logs/package_model.log",
    benchmark:
        "results/{field}/benchmarks/package_model.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("package_model"),
    script:
        "../../scripts/package_model.py"
