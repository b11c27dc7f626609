# Takes: images or cutouts, the sources, the fitted denoiser, encoder, components and voters.
# Leaves: anchors (simulated galaxies of known class on the field's own sky) as embeddings, and in
# the model folder their classes, components and votes.


rule make_anchors:
    """Draw simulated galaxies of known class on the field's own sky, and encode them."""
    input:
        sources="results/{field}/sources.fits",
        sky=sky_of("sky_of_cutouts"),
        psf=field_entry("psf"),
        images=field_entry("images"),
        rms=field_entry("rms"),
        weight=field_entry("weight"),
        cutouts=shards_of("cutouts"),
        denoiser=model_file("denoiser.safetensors"),
        weights=encoder_file("encoder.safetensors"),
        card=encoder_file("encoder.json"),
    output:
        "results/{field}/anchors.h5",
    log:
        "results/{field}/logs/make_anchors.log",
    benchmark:
        "results/{field}/benchmarks/make_anchors.tsv"
    conda:
        "../../envs/morphovote.yaml"
    threads: 16
    resources:
        gpu=GPUS,
    params:
        code=code_digest("make_anchors"),
        psf=field_entry("psf_plane"),
        oversampling=field_entry("psf_oversampling"),
        given=given_files(field_entry("psf")),
        anchors=config["classes"]["anchors"],
        seed=config["denoiser"]["seed"],
        cutout={key: config["cutout"][key] for key in ("size", "neighbours")},
        steps=STEPS,
    script:
        "../../scripts/make_anchors.py"


rule place_anchors:
    """Project the anchors onto the components, and let the voters vote on them."""
    input:
        anchors="results/{field}/anchors.h5",
        pca=model_file("pca.h5"),
        voters=model_file("voters.h5"),
        confidence=model_file("confidence.h5"),
        components="results/{field}/components.h5",
    output:
        "results/{field}/model/anchors.h5",
    log:
        "results/{field}/logs/place_anchors.log",
    benchmark:
        "results/{field}/benchmarks/place_anchors.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("place_anchors"),
        scheme=config["voting"]["scheme"],
    script:
        "../../scripts/place_anchors.py"
