"""Tests of `vs_align.render.audio`."""
