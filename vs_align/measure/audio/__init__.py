"""Audio alignment: offset and speed between two recordings of the same audio (band features, FFT search, GCC-PHAT)."""
