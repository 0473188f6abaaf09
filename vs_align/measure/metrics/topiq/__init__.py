"""TOPIQ: full-reference image quality by a neural network (CFANet)."""
