"""From embeddings to principal components.

Takes embeddings, leaves the fitted PCA and components.h5. Rules: `fit_pca`, `project_embeddings`.
"""
