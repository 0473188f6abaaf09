"""Basic image operations: normalization, warping, inpainting, displacement fields, scene cuts."""
