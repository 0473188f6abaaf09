"""The clip that `spatial` returns: coarse transform, dense optical flow, warp."""
