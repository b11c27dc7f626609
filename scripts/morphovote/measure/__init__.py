"""Morphological parameters of each cutout.

Takes cutouts (never the denoised ones) and the PSF, leaves shards of Gini, M20, C, A, S, the Sersic
fit and flags. Rule: `measure_morphology`.
"""
