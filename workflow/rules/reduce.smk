# Takes: embeddings.
# Leaves: the fitted PCA in the model folder, and the principal components.


rule fit_pca:
    """Fit the principal components to a bounded sample of the embeddings."""
    input:
        embeddings=shards_of("embeddings"),
    output:
        "results/{field}/model/pca.h5",
    log:
        "results/{field}/logs/fit_pca.log",
    benchmark:
        "results/{field}/benchmarks/fit_pca.tsv"
    conda:
        "../../envs/morphovote.yaml"
    threads: 4
    params:
        code=code_digest("fit_pca"),
        components=config["pca"]["components"],
        seed=config["pca"]["seed"],
    script:
        "../../scripts/fit_pca.py"


rule project_embeddings:
    """Project all embeddings of a field onto the principal components."""
    input:
        embeddings=shards_of("embeddings"),
        pca=model_file("pca.h5"),
    output:
        "results/{field}/components.h5",
    log:
        "results/{field}/logs/project_embeddings.log",
    benchmark:
        "results/{field}/benchmarks/project_embeddings.tsv"
    conda:
        "../../envs/morphovote.yaml"
    threads: 4
    params:
        code=code_digest("project_embeddings"),
        given=given_files(model_file("pca.h5")),
    script:
        "../../scripts/project_embeddings.py"
