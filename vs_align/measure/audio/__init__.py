"""Audio matching: spectral features, offset search, GCC-PHAT delay, segments."""
