"""Tests of `vs_align.render.overlay`."""
