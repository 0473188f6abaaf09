"""Tests of `vs_align.cli.overlay`."""
