"""The clip that `temporal` returns: the search of the best match of each frame, run inside VapourSynth."""
