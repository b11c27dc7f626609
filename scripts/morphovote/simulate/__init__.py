"""Simulated galaxies of known truth: a whole survey field, or single ones in real images.

Takes a number of galaxies and a seed, leaves images and a catalogue of the truth. Rules:
`simulate_field`; `inject_galaxies` injects galaxies into images.
"""
