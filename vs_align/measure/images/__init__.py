"""Basic image operations: normalization, warping, inpainting, dense fields, scene cuts."""
