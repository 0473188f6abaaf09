"""Tests of `vs_align.measure.metrics.planestats`."""
