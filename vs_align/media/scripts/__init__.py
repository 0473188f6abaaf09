"""Generators of the VapourSynth scripts that the commands run and keep with --keep-script."""
