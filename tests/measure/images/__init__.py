"""Tests of `vs_align.measure.images`."""
