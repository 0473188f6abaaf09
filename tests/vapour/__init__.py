"""Tests of what knows VapourSynth's habits."""
