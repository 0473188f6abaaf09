"""Tests of `vs_align.measure.fingerprints`."""
