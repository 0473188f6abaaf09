"""The VapourSynth scripts that the command writes."""
