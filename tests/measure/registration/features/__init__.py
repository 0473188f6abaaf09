"""Tests of `vs_align.measure.registration.features`."""
