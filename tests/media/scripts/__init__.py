"""Tests of `vs_align.media.scripts`."""
