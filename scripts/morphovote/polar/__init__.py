"""From denoised cutouts to polar pictures that do not know orientation or handedness.

Takes denoised cutouts, leaves shards of polar pictures. Rule: `unwrap_polar`.
"""
