"""Tests of `vs_align.decide.cut_list`."""
