"""A second renderer, independent of `simulate.galaxies`: discs of thin layers with maps of arms.

The encoder was trained on its galaxies, and a part of the anchors is drawn with it.
"""
