"""From denoised cutouts to polar images that do not depend on orientation or handedness.

Takes denoised cutouts, leaves shards of polar images. Rule: `unwrap_polar`.
"""
