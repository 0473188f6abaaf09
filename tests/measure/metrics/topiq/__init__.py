"""Tests of `vs_align.measure.metrics.topiq`."""
