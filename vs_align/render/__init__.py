"""Lazy VapourSynth clips made from clips and decisions."""
