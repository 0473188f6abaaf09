"""Butteraugli: psychovisual difference of two images after libjxl, on the CPU (numba) and on CUDA (PyTorch)."""
