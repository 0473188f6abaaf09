"""Tests of `vs_align.measure.flow.rife`."""
