"""Train the denoising autoencoder on a sample of the field's own cutouts."""

import torch

from morphovote import autoencoder, denoising, noise
from morphovote.logs import log, rule_log

with rule_log(snakemake.log[0]):
    torch.set_num_threads(snakemake.threads)
    params = snakemake.params
    sample = denoising.read_sample(snakemake.input.cutouts, params.seed)
    covariance = noise.noise_correlation(sample["image"], sample["level"], sample["mask"])
    middle = len(covariance) // 2
    log.info(
        "%d cutouts; sky noise is %.3f of the rms map, next pixels correlate by %.2f",
        len(sample["image"]),
        covariance[middle, middle] ** 0.5,
        covariance[middle, middle + 1] / covariance[middle, middle],
    )
    model, curve = denoising.train(sample, covariance, params.latent, params.epochs, params.seed)
    autoencoder.save_denoiser(snakemake.output.weights, model, covariance)
    denoising.write_curve(snakemake.output.history, curve)
