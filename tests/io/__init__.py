"""Tests of `vs_align.io`."""
