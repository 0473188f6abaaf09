"""Tests of `vs_align.nodes`."""
