"""From groups to classes: a class, its probability and the reason for each galaxy.

Takes votes, names of groups and embeddings, leaves the classifier and classes.h5. Rules:
`fit_classifier`, `classify_galaxies`.
"""
