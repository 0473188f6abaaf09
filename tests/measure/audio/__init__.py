"""Tests of `vs_align.measure.audio`."""
