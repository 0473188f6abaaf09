"""Tests of `vs_align.api`."""
