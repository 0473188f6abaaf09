"""Tests of `vs_align.decide.synchronization.engines`."""
