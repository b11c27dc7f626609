# Takes: principal components.
# Leaves: the fitted voters in the model folder, every galaxy's votes, and the vote's controls.


rule fit_voters:
    """Fit many clusterings on bootstrap bags and align their groups."""
    input:
        components="results/{field}/components.h5",
    output:
        "results/{field}/model/voters.h5",
    log:
        "results/{field}/logs/fit_voters.log",
    benchmark:
        "results/{field}/benchmarks/fit_voters.tsv"
    conda:
        "../../envs/morphovote.yaml"
    threads: 4
    params:
        code=code_digest("fit_voters"),
        groups=config["voting"]["groups"],
        voters=config["voting"]["voters"],
        agreement=config["voting"]["agreement"],
        seed=config["voting"]["seed"],
    script:
        "../../scripts/fit_voters.py"


rule cast_votes:
    """Let every voter put every galaxy into a group."""
    input:
        components="results/{field}/components.h5",
        voters=model_file("voters.h5"),
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
    script:
        "../../scripts/cast_votes.py"


rule check_vote:
    """Repeat the vote on structureless data and with other seeds."""
    input:
        components="results/{field}/components.h5",
    output:
        "results/{field}/vote_controls.json",
    log:
        "results/{field}/logs/check_vote.log",
    benchmark:
        "results/{field}/benchmarks/check_vote.tsv"
    conda:
        "../../envs/morphovote.yaml"
    threads: 4
    params:
        code=code_digest("check_vote"),
        groups=config["voting"]["groups"],
        voters=config["voting"]["voters"],
        agreement=config["voting"]["agreement"],
        seed=config["voting"]["seed"],
    script:
        "../../scripts/check_vote.py"
