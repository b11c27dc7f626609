# Takes: survey images with or without a catalogue, or ready-made cutouts, or a table of files to
# download, or nothing (simulated).
# Leaves: check.html (what is in the files), results/<field>/sources.fits, one row per source, and cutout shards.
import re

# For each file to download, the table that lists it.
DOWNLOADS = {file: table for field in FIELDS.values() for file, table in field["downloads"].items()}


# What is in the files of each field that has files.
CHECKS = [f"results/{name}/check.html" for name in FIELDS if not FIELDS[name]["simulate"]]


rule download_file:
    """Download one file, resuming a broken transfer; needs a network."""
    output:
        "{file}",
    log:
        "results/downloads/logs/{file}.log",
    wildcard_constraints:
        # No other file may be taken for a download.
        file="|".join(map(re.escape, DOWNLOADS)) or "(?!)",
    conda:
        "../../envs/morphovote.yaml"
    # The profiles limit simultaneous downloads, to spare the archives.
    resources:
        downloads=1,
    # Neither a digest of the code nor the sha256: a change of these is no reason to download again.
    params:
        table=lambda wildcards: DOWNLOADS[wildcards.file],
    script:
        "../../scripts/download_file.py"


rule simulate_field:
    """Simulate a survey's images and catalogue of one field; write the truth separately."""
    output:
        image=f"{PLACES['simulated']}/image.fits",
        rms=f"{PLACES['simulated']}/rms.fits",
        psf=f"{PLACES['simulated']}/psf.fits",
        catalogue=f"{PLACES['simulated']}/catalogue.fits",
        noiseless=f"{PLACES['simulated']}/noiseless.fits",
        truth=f"{PLACES['simulated']}/truth.fits",
    log:
        "results/{field}/logs/simulate_field.log",
    benchmark:
        "results/{field}/benchmarks/simulate_field.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("simulate_field"),
        galaxies=lambda wildcards: FIELDS[wildcards.field]["simulate"]["galaxies"],
        seed=lambda wildcards: FIELDS[wildcards.field]["simulate"]["seed"],
    script:
        "../../scripts/simulate_field.py"


rule check_field:
    """Look into a field's files: which plane and column serve as what, how much is usable."""
    input:
        files_to_check,
    output:
        "results/{field}/check.html",
    log:
        "results/{field}/logs/check_field.log",
    benchmark:
        "results/{field}/benchmarks/check_field.tsv"
    # Started before all others. Nothing waits for it: then a new look would make everything anew.
    priority: 100
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("check_field"),
        given=given_files(files_to_check),
        field=checked_entries,
        names=config["classes"]["names"],
        size=config["cutout"]["size"],
        voting=config["voting"],
    script:
        "../../scripts/check_field.py"


rule check_fields:
    """Look into the files of every field, which takes seconds, and do no more."""
    input:
        CHECKS,


rule detect_sources:
    """Detect and deblend the sources of images that came without a catalogue."""
    input:
        images=detected_in("images"),
        rms=detected_in("rms"),
        weight=detected_in("weight"),
    output:
        PLACES["detected"],
    log:
        "results/{field}/logs/detect_sources.log",
    benchmark:
        "results/{field}/benchmarks/detect_sources.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("detect_sources"),
        planes=detected_in("planes"),
        given=given_files(detected_in("images"), detected_in("rms"), detected_in("weight")),
        pixel_scale=detected_in("pixel_scale"),
        zero_point=detected_in("zero_point"),
    script:
        "../../scripts/detect_sources.py"


rule match_physical:
    """Cross-match the source catalogue with a catalogue of physical properties."""
    input:
        catalogue=field_entry("unmatched"),
        physical=physical_catalogue,
    output:
        catalogue=PLACES["matched"],
        match="results/{field}/match.json",
    log:
        "results/{field}/logs/match_physical.log",
    benchmark:
        "results/{field}/benchmarks/match_physical.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("match_physical"),
        given=given_files(field_entry("unmatched"), physical_catalogue),
        columns=field_entry("unmatched_columns"),
        missing=field_entry("missing"),
        match_by=lambda wildcards: FIELDS[wildcards.field]["physical"]["match_by"],
        radius=lambda wildcards: FIELDS[wildcards.field]["physical"]["radius"],
    script:
        "../../scripts/match_physical.py"


checkpoint list_sources:
    """List every source with its position, its image and its shard."""
    input:
        catalogue=field_entry("catalogue"),
        images=field_entry("images"),
        rms=field_entry("rms"),
        weight=field_entry("weight"),
        psfs=own_psfs,
    output:
        sources="results/{field}/sources.fits",
        shards="results/{field}/shards.json",
    log:
        "results/{field}/logs/list_sources.log",
    benchmark:
        "results/{field}/benchmarks/list_sources.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("list_sources"),
        planes=field_entry("planes"),
        psfs=field_entry("psfs"),
        given=given_files(
            field_entry("catalogue"),
            field_entry("images"),
            field_entry("rms"),
            field_entry("weight"),
            own_psfs,
        ),
        bands=field_entry("bands"),
        choice=band_choice,
        kind=field_entry("kind"),
        pattern=field_entry("pattern"),
        columns=field_entry("columns"),
        pixel_origin=field_entry("pixel_origin"),
        missing=field_entry("missing"),
        select=field_entry("select"),
        shard_size=config["shard_size"],
        pixel_scale=field_entry("pixel_scale"),
        zero_point=field_entry("zero_point"),
    script:
        "../../scripts/list_sources.py"


rule model_sky:
    """Measure the sky of the images on a coarse mesh, far from all sources."""
    input:
        images=field_entry("images"),
        rms=field_entry("rms"),
        weight=field_entry("weight"),
    output:
        "results/{field}/sky.h5",
    log:
        "results/{field}/logs/model_sky.log",
    benchmark:
        "results/{field}/benchmarks/model_sky.tsv"
    conda:
        "../../envs/morphovote.yaml"
    threads: 16
    params:
        code=code_digest("model_sky"),
        planes=field_entry("planes"),
        given=given_files(field_entry("images"), field_entry("rms"), field_entry("weight")),
        sky=field_entry("sky"),
        bands=field_entry("bands"),
    script:
        "../../scripts/model_sky.py"


rule make_cutouts:
    """Cut out each galaxy, subtract the background, mask its neighbours, flag problems."""
    input:
        sources="results/{field}/sources.fits",
        sky=sky_of("sky_of_cutouts"),
        transfer=transfer_of,
    output:
        "results/{field}/cutouts/{shard}.h5",
    log:
        "results/{field}/logs/make_cutouts/{shard}.log",
    benchmark:
        "results/{field}/benchmarks/make_cutouts/{shard}.tsv"
    conda:
        "../../envs/morphovote.yaml"
    threads: SHARD_THREADS
    resources:
        # From the expected size of the shard, since the size of the input does not predict it.
        mem_mb=lambda wildcards, attempt: (2000 + shard_mb() * 2) * attempt,
        runtime=lambda wildcards, attempt: (30 + shard_mb() // 100) * attempt,
    params:
        code=code_digest("make_cutouts"),
        size=config["cutout"]["size"],
        neighbours=config["cutout"]["neighbours"],
    script:
        "../../scripts/make_cutouts.py"
