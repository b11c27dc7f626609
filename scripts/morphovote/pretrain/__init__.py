"""Training of the bundled encoder on simulated galaxies.

Takes a seed and a number of steps, leaves weights and their card. Rules: `simulate_training_set`,
`train_encoder`.
"""
