"""Tests of `vs_align.measure.metrics.butteraugli`."""
