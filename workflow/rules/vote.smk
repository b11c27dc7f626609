# Takes: principal components, the small pictures beside the embeddings, and the file of names if it
# joins or splits groups.
# Leaves: in the model folder, the voters, with groups joined and split as the file of names says,
# the calibration of their votes, and the reference from which strange galaxies are told; every
# galaxy's votes, its similar galaxies and how strange it is, and the vote's controls.


rule choose_groups:
    """Repeat the vote with many numbers of groups, compare each with a null, recommend one."""
    input:
        components="results/{field}/components.h5",
    output:
        "results/{field}/group_scan.json",
    log:
        "results/{field}/logs/choose_groups.log",
    benchmark:
        "results/{field}/benchmarks/choose_groups.tsv"
    conda:
        "../../envs/morphovote.yaml"
    threads: 4
    params:
        code=code_digest("choose_groups"),
        agreement=config["voting"]["agreement"],
        seed=config["voting"]["seed"],
    script:
        "../../scripts/choose_groups.py"


rule fit_voters:
    """Fit many clusterings to bags of a reference sample and align their groups."""
    input:
        components="results/{field}/components.h5",
        groups=chosen_groups,
    output:
        "results/{field}/voters.h5",
    log:
        "results/{field}/logs/fit_voters.log",
    benchmark:
        "results/{field}/benchmarks/fit_voters.tsv"
    conda:
        "../../envs/morphovote.yaml"
    threads: 4
    params:
        code=code_digest("fit_voters"),
        scheme=config["voting"]["scheme"],
        groups=config["voting"]["groups"],
        voters=config["voting"]["voters"],
        agreement=config["voting"]["agreement"],
        seed=config["voting"]["seed"],
    script:
        "../../scripts/fit_voters.py"


rule regroup_voters:
    """Join and split groups as the file of names says; find named groups again in a new vote."""
    input:
        voters="results/{field}/voters.h5",
        names=[ancient(config["classes"]["names"])] if MARKS else [],
    output:
        voters="results/{field}/model/voters.h5",
        groups="results/{field}/groups.yaml",
    log:
        "results/{field}/logs/regroup_voters.log",
    benchmark:
        "results/{field}/benchmarks/regroup_voters.tsv"
    conda:
        "../../envs/morphovote.yaml"
    threads: 4
    params:
        code=code_digest("regroup_voters"),
        scheme=config["voting"]["scheme"],
        marks=MARKS,
        seed=config["voting"]["seed"],
    script:
        "../../scripts/regroup_voters.py"


rule cast_votes:
    """Let every voter assign every galaxy to a group."""
    input:
        components="results/{field}/components.h5",
        voters=model_file("voters.h5"),
        confidence=model_file("confidence.h5"),
    output:
        "results/{field}/votes.h5",
    log:
        "results/{field}/logs/cast_votes.log",
    benchmark:
        "results/{field}/benchmarks/cast_votes.tsv"
    conda:
        "../../envs/morphovote.yaml"
    threads: 4
    params:
        code=code_digest("cast_votes"),
        given=given_files(model_file("voters.h5"), model_file("confidence.h5")),
        scheme=config["voting"]["scheme"],
    script:
        "../../scripts/cast_votes.py"


rule fit_strangeness:
    """Draw the reference galaxies from which strange ones are told."""
    input:
        embeddings=shards_of("embeddings"),
    output:
        "results/{field}/model/strangeness.h5",
    log:
        "results/{field}/logs/fit_strangeness.log",
    benchmark:
        "results/{field}/benchmarks/fit_strangeness.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("fit_strangeness"),
        seed=config["pca"]["seed"],
    script:
        "../../scripts/fit_strangeness.py"


rule find_neighbours:
    """Find every galaxy's similar galaxies, and how strange it is to the model's reference."""
    input:
        components="results/{field}/components.h5",
        embeddings=shards_of("embeddings"),
        strangeness=model_file("strangeness.h5"),
    output:
        "results/{field}/neighbours.h5",
    log:
        "results/{field}/logs/find_neighbours.log",
    benchmark:
        "results/{field}/benchmarks/find_neighbours.tsv"
    conda:
        "../../envs/morphovote.yaml"
    threads: 4
    params:
        code=code_digest("find_neighbours"),
        given=given_files(model_file("strangeness.h5")),
        seed=config["voting"]["seed"],
    script:
        "../../scripts/find_neighbours.py"


rule calibrate_votes:
    """Calibrate vote counts to a confidence, from the votes on galaxies and on the null."""
    input:
        controls="results/{field}/vote_controls.json",
    output:
        "results/{field}/model/confidence.h5",
    log:
        "results/{field}/logs/calibrate_votes.log",
    benchmark:
        "results/{field}/benchmarks/calibrate_votes.tsv"
    conda:
        "../../envs/morphovote.yaml"
    params:
        code=code_digest("calibrate_votes"),
    script:
        "../../scripts/calibrate_votes.py"


rule check_vote:
    """Repeat the vote on structureless data and with other seeds."""
    input:
        components="results/{field}/components.h5",
        groups=chosen_groups,
    output:
        controls="results/{field}/vote_controls.json",
        seeds="results/{field}/seed_stability.csv",
    log:
        "results/{field}/logs/check_vote.log",
    benchmark:
        "results/{field}/benchmarks/check_vote.tsv"
    conda:
        "../../envs/morphovote.yaml"
    threads: 4
    params:
        code=code_digest("check_vote"),
        scheme=config["voting"]["scheme"],
        groups=config["voting"]["groups"],
        voters=config["voting"]["voters"],
        agreement=config["voting"]["agreement"],
        seed=config["voting"]["seed"],
    script:
        "../../scripts/check_vote.py"
