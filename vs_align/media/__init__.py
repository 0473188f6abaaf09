"""Media files: probing, decoding, encoding, scripts for vspipe, and the programs that are started for it."""
