# Takes: the catalogue, the numbers of the checks, and what the stages before left.
# Leaves: figures with their numbers, summary.json, one self-contained report, and the naming page.


rule plot_votes:
    """Draw the kept fraction beside the null's, and the vote fractions."""
    input:
        catalogue="results/{field}/catalogue.fits",
        controls="results/{field}/vote_controls.json",
    output:
        figure=report(
            "results/{field}/figures/votes.png",
            caption="../report/votes.rst",
            category="{field}",
        ),
        table="results/{field}/figures/votes.csv",
    log:
        "results/{field}/logs/plot_votes.log",
    benchmark:
        "results/{field}/benchmarks/plot_votes.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("plot_votes"),
    script:
        "../../scripts/plot_votes.py"


rule plot_stability:
    """Draw which galaxies keep their place and group when turned, noisier or blurred."""
    input:
        stability="results/{field}/stability.h5",
    output:
        figure=report(
            "results/{field}/figures/stability.png",
            caption="../report/stability.rst",
            category="{field}",
        ),
        table="results/{field}/figures/stability.csv",
    log:
        "results/{field}/logs/plot_stability.log",
    benchmark:
        "results/{field}/benchmarks/plot_stability.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("plot_stability"),
    script:
        "../../scripts/plot_stability.py"


rule plot_groups:
    """Draw what the vote finds with each number of groups, beside its null."""
    input:
        scan="results/{field}/group_scan.json",
    output:
        figure=report(
            "results/{field}/figures/groups.png",
            caption="../report/groups.rst",
            category="{field}",
        ),
        table="results/{field}/figures/groups.csv",
    log:
        "results/{field}/logs/plot_groups.log",
    benchmark:
        "results/{field}/benchmarks/plot_groups.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("plot_groups"),
    script:
        "../../scripts/plot_groups.py"


rule plot_galleries:
    """Draw the most typical and most doubtful members of every group, and members of each class."""
    input:
        catalogue="results/{field}/catalogue.fits",
        cutouts=shards_of("cutouts"),
        denoised=shards_of("denoised"),
        votes="results/{field}/votes.h5",
        names=model_file("names.yaml"),
    output:
        figure=report(
            "results/{field}/figures/galleries.png",
            caption="../report/galleries.rst",
            category="{field}",
        ),
        table="results/{field}/figures/galleries.csv",
        class_figure=report(
            "results/{field}/figures/classes.png",
            caption="../report/classes.rst",
            category="{field}",
        ),
        class_table="results/{field}/figures/classes.csv",
    log:
        "results/{field}/logs/plot_galleries.log",
    benchmark:
        "results/{field}/benchmarks/plot_galleries.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("plot_galleries"),
        seed=config["voting"]["seed"],
    script:
        "../../scripts/plot_galleries.py"


rule plot_reliability:
    """Draw how often classes are right against how probable they are said to be."""
    input:
        held_out=held_out_of,
    output:
        figure=report(
            "results/{field}/figures/reliability.png",
            caption="../report/reliability.rst",
            category="{field}",
        ),
        table="results/{field}/figures/reliability.csv",
    log:
        "results/{field}/logs/plot_reliability.log",
    benchmark:
        "results/{field}/benchmarks/plot_reliability.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("plot_reliability"),
    script:
        "../../scripts/plot_reliability.py"


rule plot_completeness:
    """Draw what is recovered of injected galaxies, by magnitude, size and class."""
    input:
        injections="results/{field}/injections.h5",
    output:
        figure=report(
            "results/{field}/figures/completeness.png",
            caption="../report/completeness.rst",
            category="{field}",
        ),
        table="results/{field}/figures/completeness.csv",
    log:
        "results/{field}/logs/plot_completeness.log",
    benchmark:
        "results/{field}/benchmarks/plot_completeness.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("plot_completeness"),
    script:
        "../../scripts/plot_completeness.py"


rule plot_tsne:
    """Draw a t-SNE map of the components, by class and by vote fraction."""
    input:
        catalogue="results/{field}/catalogue.fits",
        components="results/{field}/components.h5",
    output:
        figure=report(
            "results/{field}/figures/tsne.png",
            caption="../report/tsne.rst",
            category="{field}",
        ),
        table="results/{field}/figures/tsne.csv",
    log:
        "results/{field}/logs/plot_tsne.log",
    benchmark:
        "results/{field}/benchmarks/plot_tsne.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("plot_tsne"),
        seed=config["voting"]["seed"],
    script:
        "../../scripts/plot_tsne.py"


rule plot_structure:
    """Draw Gini-M20, concentration-asymmetry, and the MID statistics, by class."""
    input:
        catalogue="results/{field}/catalogue.fits",
        sources="results/{field}/sources.fits",
        measurements=shards_of("measurements"),
    output:
        figure=report(
            "results/{field}/figures/structure.png",
            caption="../report/structure.rst",
            category="{field}",
        ),
        table="results/{field}/figures/structure.csv",
        mid_figure=report(
            "results/{field}/figures/mid.png",
            caption="../report/mid.rst",
            category="{field}",
        ),
        mid_table="results/{field}/figures/mid.csv",
    log:
        "results/{field}/logs/plot_structure.log",
    benchmark:
        "results/{field}/benchmarks/plot_structure.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("plot_structure"),
        massive=config["diagnose"]["massive"],
    script:
        "../../scripts/plot_structure.py"


rule plot_sizes:
    """Draw the distributions of Sersic index and effective radius, by class."""
    input:
        catalogue="results/{field}/catalogue.fits",
        sources="results/{field}/sources.fits",
    output:
        figure=report(
            "results/{field}/figures/sizes.png",
            caption="../report/sizes.rst",
            category="{field}",
        ),
        table="results/{field}/figures/sizes.csv",
    log:
        "results/{field}/logs/plot_sizes.log",
    benchmark:
        "results/{field}/benchmarks/plot_sizes.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("plot_sizes"),
        massive=config["diagnose"]["massive"],
    script:
        "../../scripts/plot_sizes.py"


rule plot_masses:
    """Draw half-light radius in kpc and Sersic index against stellar mass, by class."""
    input:
        catalogue="results/{field}/catalogue.fits",
        sources="results/{field}/sources.fits",
    output:
        figure=report(
            "results/{field}/figures/masses.png",
            caption="../report/masses.rst",
            category="{field}",
        ),
        table="results/{field}/figures/masses.csv",
    log:
        "results/{field}/logs/plot_masses.log",
    benchmark:
        "results/{field}/benchmarks/plot_masses.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("plot_masses"),
        massive=config["diagnose"]["massive"],
    script:
        "../../scripts/plot_masses.py"


rule plot_fractions:
    """Draw the share of each class by redshift and by stellar mass."""
    input:
        catalogue="results/{field}/catalogue.fits",
        sources="results/{field}/sources.fits",
    output:
        figure=report(
            "results/{field}/figures/fractions.png",
            caption="../report/fractions.rst",
            category="{field}",
        ),
        table="results/{field}/figures/fractions.csv",
    log:
        "results/{field}/logs/plot_fractions.log",
    benchmark:
        "results/{field}/benchmarks/plot_fractions.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("plot_fractions"),
        massive=config["diagnose"]["massive"],
    script:
        "../../scripts/plot_fractions.py"


rule plot_depth:
    """Draw vote fraction and kept fraction against magnitude and S/N."""
    input:
        catalogue="results/{field}/catalogue.fits",
        sources="results/{field}/sources.fits",
    output:
        figure=report(
            "results/{field}/figures/depth.png",
            caption="../report/depth.rst",
            category="{field}",
        ),
        table="results/{field}/figures/depth.csv",
    log:
        "results/{field}/logs/plot_depth.log",
    benchmark:
        "results/{field}/benchmarks/plot_depth.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("plot_depth"),
    script:
        "../../scripts/plot_depth.py"


rule plot_separation:
    """Draw the effect sizes between the classes."""
    input:
        tests="results/{field}/figures/separation.csv",
    output:
        figure=report(
            "results/{field}/figures/separation.png",
            caption="../report/separation.rst",
            category="{field}",
        ),
    log:
        "results/{field}/logs/plot_separation.log",
    benchmark:
        "results/{field}/benchmarks/plot_separation.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("plot_separation"),
    script:
        "../../scripts/plot_separation.py"


rule plot_confounders:
    """Draw how well brightness, size, place and the like alone tell the groups."""
    input:
        groups="results/{field}/figures/confounders.csv",
        overall="results/{field}/figures/confounders_overall.csv",
        names=model_file("names.yaml"),
    output:
        figure=report(
            "results/{field}/figures/confounders.png",
            caption="../report/confounders.rst",
            category="{field}",
        ),
    log:
        "results/{field}/logs/plot_confounders.log",
    benchmark:
        "results/{field}/benchmarks/plot_confounders.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("plot_confounders"),
    script:
        "../../scripts/plot_confounders.py"


rule plot_colours:
    """Draw the UVJ diagram by redshift, where the catalogue has the colours."""
    input:
        catalogue="results/{field}/catalogue.fits",
        sources="results/{field}/sources.fits",
    output:
        figure=report(
            "results/{field}/figures/colours.png",
            caption="../report/colours.rst",
            category="{field}",
        ),
        table="results/{field}/figures/colours.csv",
    log:
        "results/{field}/logs/plot_colours.log",
    benchmark:
        "results/{field}/benchmarks/plot_colours.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("plot_colours"),
    script:
        "../../scripts/plot_colours.py"


rule plot_training:
    """Draw the denoiser's loss curve."""
    input:
        history="results/{field}/denoiser_training.csv",
    output:
        figure=report(
            "results/{field}/figures/training.png",
            caption="../report/training.rst",
            category="{field}",
        ),
        table="results/{field}/figures/training.csv",
    log:
        "results/{field}/logs/plot_training.log",
    benchmark:
        "results/{field}/benchmarks/plot_training.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("plot_training"),
    script:
        "../../scripts/plot_training.py"


rule plot_shift:
    """Draw how far a field lies from the reference of its frozen model."""
    input:
        shift="results/{field}/shift.json",
    output:
        figure=report(
            "results/{field}/figures/shift.png",
            caption="../report/shift.rst",
            category="{field}",
        ),
        table="results/{field}/figures/shift.csv",
    log:
        "results/{field}/logs/plot_shift.log",
    benchmark:
        "results/{field}/benchmarks/plot_shift.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("plot_shift"),
    script:
        "../../scripts/plot_shift.py"


rule build_naming:
    """Put every group in pictures and numbers on a page on which people name them."""
    input:
        catalogue="results/{field}/catalogue.fits",
        sources="results/{field}/sources.fits",
        cutouts=shards_of("cutouts"),
        denoised=shards_of("denoised"),
        votes="results/{field}/votes.h5",
        confounders="results/{field}/figures/confounders.csv",
        names=model_file("names.yaml"),
        template=ROOT / "workflow/report/naming.html.j2",
        style=ROOT / "workflow/report/naming.css",
        script=ROOT / "workflow/report/naming.js",
    output:
        "results/{field}/naming.html",
    log:
        "results/{field}/logs/build_naming.log",
    benchmark:
        "results/{field}/benchmarks/build_naming.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("build_naming"),
    script:
        "../../scripts/build_naming.py"


rule write_summary:
    """Count, compare with the controls, and collect the timings."""
    input:
        catalogue="results/{field}/catalogue.fits",
        sources="results/{field}/sources.fits",
        controls="results/{field}/vote_controls.json",
        stability="results/{field}/stability.h5",
        held_out=held_out_of,
        injections=injections_of,
        separation="results/{field}/figures/separation.csv",
        ordering="results/{field}/figures/ordering.csv",
        confounders="results/{field}/figures/confounders.csv",
        overall="results/{field}/figures/confounders_overall.csv",
        card=encoder_file("encoder.json"),
        names=model_file("names.yaml"),
        match=lambda wildcards: (
            [f"results/{wildcards.field}/match.json"]
            if FIELDS[wildcards.field]["physical"]
            else []
        ),
        model=model_file("model.json"),
        transfer=transfer_of,
        shift=shift_of,
    output:
        "results/{field}/summary.json",
    log:
        "results/{field}/logs/write_summary.log",
    benchmark:
        "results/{field}/benchmarks/write_summary.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("write_summary"),
        config=repeatable_config,
        benchmarks="results/{field}/benchmarks",
    script:
        "../../scripts/write_summary.py"


rule build_report:
    """Put figures, captions and numbers into one HTML file."""
    input:
        summary="results/{field}/summary.json",
        names=model_file("names.yaml"),
        figures=figures_of,
        captions=expand(
            ROOT / "workflow/report/{figure}.rst",
            figure=[*FIGURES, "completeness", "groups", "training", "shift"],
        ),
        template=ROOT / "workflow/report/report.html.j2",
    output:
        "results/{field}/report.html",
    log:
        "results/{field}/logs/build_report.log",
    benchmark:
        "results/{field}/benchmarks/build_report.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("build_report"),
    script:
        "../../scripts/build_report.py"
