"""Tests of `vs_align.decide.matching`."""
