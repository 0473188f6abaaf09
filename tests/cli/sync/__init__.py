"""Tests of `vs_align.cli.sync`."""
