"""Helpers for VapourSynth nodes and frames: formats, resizing, planes as arrays, parallel callbacks."""
