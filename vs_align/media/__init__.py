"""Files in, files out: probing, opening, writing scripts, encoding, sound. No search happens here."""
