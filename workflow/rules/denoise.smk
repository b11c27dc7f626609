# Takes: cutout shards.
# Leaves: the fitted denoiser in the model folder, and denoised shards.

# The default denoiser runs on the CPU only.
DENOISER_GPUS = GPUS if config["denoiser"]["scheme"] == "published" else 0


rule train_denoiser:
    """Train the denoising autoencoder on the field's own cutouts."""
    input:
        cutouts=shards_of("cutouts"),
    output:
        weights="results/{field}/model/denoiser.safetensors",
        history="results/{field}/denoiser_training.csv",
    log:
        "results/{field}/logs/train_denoiser.log",
    benchmark:
        "results/{field}/benchmarks/train_denoiser.tsv"
    conda:
        "../../envs/morphovote.yaml"
    threads: 16
    resources:
        gpu=DENOISER_GPUS,
    params:
        code=code_digest("train_denoiser"),
        scheme=config["denoiser"]["scheme"],
        scaling=config["cutout"]["scaling"],
        latent=config["denoiser"]["latent"],
        epochs=config["denoiser"]["epochs"],
        seed=config["denoiser"]["seed"],
    script:
        "../../scripts/train_denoiser.py"


rule denoise_cutouts:
    """Denoise one shard of cutouts."""
    input:
        cutouts="results/{field}/cutouts/{shard}.h5",
        denoiser=model_file("denoiser.safetensors"),
    output:
        "results/{field}/denoised/{shard}.h5",
    log:
        "results/{field}/logs/denoise_cutouts/{shard}.log",
    benchmark:
        "results/{field}/benchmarks/denoise_cutouts/{shard}.tsv"
    conda:
        "../../envs/morphovote.yaml"
    threads: SHARD_THREADS
    resources:
        gpu=DENOISER_GPUS,
    params:
        code=code_digest("denoise_cutouts"),
        given=given_files(model_file("denoiser.safetensors")),
        scheme=config["denoiser"]["scheme"],
        scaling=config["cutout"]["scaling"],
    script:
        "../../scripts/denoise_cutouts.py"
