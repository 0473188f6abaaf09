"""Tests of `vs_align.measure.registration.placement_search`."""
