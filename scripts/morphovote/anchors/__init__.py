"""Anchors: simulated galaxies of known class, taken through a field's own chain.

Takes images or cutouts, the sources, denoiser, encoder, components and voters; leaves anchors.h5,
and the anchors' votes in the model folder. Rules: `make_anchors`, `place_anchors`.
"""
