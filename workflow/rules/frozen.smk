# Takes: for a field that uses a frozen model, the model's folder or archive, and the source list.
# Leaves: the archive unpacked, and the check, before the long jobs, that the model fits the field.
from morphovote.model.archive import FILES as ARCHIVED


rule unpack_model:
    """Unpack the archive of a frozen model; refuse it if it does not match its manifest."""
    input:
        archive=archive_of,
    output:
        [f"{PLACES['unpacked']}/{name}" for name in ARCHIVED],
    log:
        "results/{field}/logs/unpack_model.log",
    benchmark:
        "results/{field}/benchmarks/unpack_model.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("unpack_model"),
        given=given_files(archive_of),
        folder=PLACES["unpacked"],
    script:
        "../../scripts/unpack_model.py"


rule check_model:
    """Check that a frozen model can be used on the field, before the long jobs."""
    input:
        sources="results/{field}/sources.fits",
        # New group names change this file, but nothing that is checked here. A model that was fitted
        # to other cutouts, of another pixel scale say, has another denoiser.
        model=ancient(model_file("model.json")),
        fitted=model_file("denoiser.safetensors"),
        card=encoder_file("encoder.json"),
    output:
        "results/{field}/transfer.json",
    log:
        "results/{field}/logs/check_model.log",
    benchmark:
        "results/{field}/benchmarks/check_model.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("check_model"),
        given=given_files(model_file("model.json")),
        settings={key: config[key] for key in ("cutout", "denoiser", "polar", "encoder", "voting")},
    script:
        "../../scripts/check_model.py"
