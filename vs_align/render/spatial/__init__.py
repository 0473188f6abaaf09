"""Rendering of `spatial`: coarse transform, dense optical flow, warp."""
