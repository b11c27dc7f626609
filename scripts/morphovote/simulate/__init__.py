"""Galaxies whose truth is known: a whole survey field, or single ones put into real images.

Takes a number of galaxies and a seed, leaves images with a catalogue of the truth. Rules:
`simulate_field`; `inject_galaxies` puts galaxies into images.
"""
