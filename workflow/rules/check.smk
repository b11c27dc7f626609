# Takes: cutouts, votes, measurements, the catalogue, the model, and for injections the images.
# Leaves: numbers on how far to trust the results: which galaxies keep their group when rotated,
# noisier or blurred, or seen in another band; what else predicts the groups; how the classes differ; how far the field
# differs from that of a frozen model; class fractions as they are; on request, which injected galaxies are recovered.


rule check_stability:
    """Rotate, mirror, blur and add noise to a sample; see which galaxies keep their group."""
    input:
        cutouts=shards_of("cutouts"),
        components="results/{field}/components.h5",
        votes="results/{field}/votes.h5",
        denoiser=model_file("denoiser.safetensors"),
        weights=encoder_file("encoder.safetensors"),
        card=encoder_file("encoder.json"),
        pca=model_file("pca.h5"),
        voters=model_file("voters.h5"),
    output:
        "results/{field}/stability.h5",
    log:
        "results/{field}/logs/check_stability.log",
    benchmark:
        "results/{field}/benchmarks/check_stability.tsv"
    conda:
        "../../envs/morphovote.yaml"
    threads: 16
    resources:
        gpu=GPUS,
    params:
        code=code_digest("check_stability"),
        steps=STEPS,
        seed=config["voting"]["seed"],
    script:
        "../../scripts/check_stability.py"


rule inject_galaxies:
    """Inject simulated galaxies of known class into the images; see which are recovered."""
    input:
        sources="results/{field}/sources.fits",
        sky=sky_of("sky_of_cutouts"),
        psf=field_entry("psf"),
        images=field_entry("images"),
        rms=field_entry("rms"),
        weight=field_entry("weight"),
        components="results/{field}/components.h5",
        names=model_file("names.yaml"),
        denoiser=model_file("denoiser.safetensors"),
        weights=encoder_file("encoder.safetensors"),
        card=encoder_file("encoder.json"),
        pca=model_file("pca.h5"),
        voters=model_file("voters.h5"),
        confidence=model_file("confidence.h5"),
        classifier=model_file("classifier.h5"),
    output:
        "results/{field}/injections.h5",
    log:
        "results/{field}/logs/inject_galaxies.log",
    benchmark:
        "results/{field}/benchmarks/inject_galaxies.tsv"
    conda:
        "../../envs/morphovote.yaml"
    threads: 16
    resources:
        gpu=GPUS,
    params:
        code=code_digest("inject_galaxies"),
        psf=field_entry("psf_plane"),
        oversampling=field_entry("psf_oversampling"),
        galaxies=config["inject"]["galaxies"],
        seed=config["inject"]["seed"],
        cutout={key: config["cutout"][key] for key in ("size", "neighbours")},
        detects=field_entry("detect"),
        steps=STEPS,
    script:
        "../../scripts/inject_galaxies.py"


rule compare_bands:
    """Take galaxies through the model in each of their bands; see how group and class change."""
    input:
        sources="results/{field}/sources.fits",
        sky=sky_of("sky_of_cutouts"),
        transfer=transfer_of,
        components="results/{field}/components.h5",
        names=model_file("names.yaml"),
        denoiser=model_file("denoiser.safetensors"),
        weights=encoder_file("encoder.safetensors"),
        card=encoder_file("encoder.json"),
        pca=model_file("pca.h5"),
        voters=model_file("voters.h5"),
        confidence=model_file("confidence.h5"),
        classifier=model_file("classifier.h5"),
    output:
        "results/{field}/figures/band_changes.csv",
    log:
        "results/{field}/logs/compare_bands.log",
    benchmark:
        "results/{field}/benchmarks/compare_bands.tsv"
    conda:
        "../../envs/morphovote.yaml"
    threads: 16
    resources:
        gpu=GPUS,
    params:
        code=code_digest("compare_bands"),
        seed=config["voting"]["seed"],
        cutout={key: config["cutout"][key] for key in ("size", "neighbours")},
        steps=STEPS,
    script:
        "../../scripts/compare_bands.py"


rule check_shift:
    """Measure how far a field differs from the galaxies to which its frozen model was fitted."""
    input:
        sources="results/{field}/sources.fits",
        cutouts=shards_of("cutouts"),
        embeddings=shards_of("embeddings"),
        psf=field_entry("psf"),
        components="results/{field}/components.h5",
        votes="results/{field}/votes.h5",
        transfer="results/{field}/transfer.json",
        model=model_file("model.json"),
        voters=model_file("voters.h5"),
    output:
        "results/{field}/shift.json",
    log:
        "results/{field}/logs/check_shift.log",
    benchmark:
        "results/{field}/benchmarks/check_shift.tsv"
    conda:
        "../../envs/morphovote.yaml"
    threads: 4
    params:
        code=code_digest("check_shift"),
        psf=field_entry("psf_plane"),
        oversampling=field_entry("psf_oversampling"),
        seed=config["voting"]["seed"],
    script:
        "../../scripts/check_shift.py"


rule audit_groups:
    """Measure how well brightness, size, position and the like alone predict the groups."""
    input:
        sources="results/{field}/sources.fits",
        votes="results/{field}/votes.h5",
        cutouts=shards_of("cutouts"),
        measurements=shards_of("measurements"),
    output:
        groups="results/{field}/figures/confounders.csv",
        overall="results/{field}/figures/confounders_overall.csv",
    log:
        "results/{field}/logs/audit_groups.log",
    benchmark:
        "results/{field}/benchmarks/audit_groups.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("audit_groups"),
        seed=config["voting"]["seed"],
    script:
        "../../scripts/audit_groups.py"


rule test_classes:
    """Test how the classes differ in measured properties, and whether in the published order."""
    input:
        catalogue="results/{field}/catalogue.fits",
        sources="results/{field}/sources.fits",
    output:
        tests="results/{field}/figures/separation.csv",
        ordering="results/{field}/figures/ordering.csv",
    log:
        "results/{field}/logs/test_classes.log",
    benchmark:
        "results/{field}/benchmarks/test_classes.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("test_classes"),
        massive=config["diagnose"]["massive"],
    script:
        "../../scripts/test_classes.py"


rule correct_fractions:
    """Correct the share of each class for confusion, and for what is lost with S/N and size."""
    input:
        catalogue="results/{field}/catalogue.fits",
        sources="results/{field}/sources.fits",
        votes="results/{field}/votes.h5",
        components="results/{field}/components.h5",
        classifier=model_file("classifier.h5"),
        anchors=model_file("anchors.h5"),
        held_out=held_out_of,
    output:
        "results/{field}/figures/fractions.csv",
    log:
        "results/{field}/logs/correct_fractions.log",
    benchmark:
        "results/{field}/benchmarks/correct_fractions.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("correct_fractions"),
        massive=config["diagnose"]["massive"],
    script:
        "../../scripts/correct_fractions.py"


rule check_labels:
    """Tell from labels by eye how right the classes are, and what more labels would bring."""
    input:
        votes="results/{field}/votes.h5",
        components="results/{field}/components.h5",
        names=model_file("names.yaml"),
        anchors=model_file("anchors.h5"),
        held_out="results/{field}/held_out.h5",
        labels=field_entry("labels"),
    output:
        "results/{field}/labels.json",
    log:
        "results/{field}/logs/check_labels.log",
    benchmark:
        "results/{field}/benchmarks/check_labels.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("check_labels"),
        given=given_files(field_entry("labels")),
    script:
        "../../scripts/check_labels.py"
