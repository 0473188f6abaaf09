"""Tests of `vs_align.compositing`."""
