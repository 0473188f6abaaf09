"""Tests of `vs_align.placement`."""
