"""From cutouts to denoised cutouts.

Takes cutouts with their noise, leaves a trained autoencoder and shards of denoised cutouts. Rules:
`train_denoiser`, `denoise_cutouts`.
"""
