"""Tests of `vs_align.timeline`."""
