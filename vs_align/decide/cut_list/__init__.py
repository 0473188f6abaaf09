"""Cut lists of audio: which samples of a source are heard when."""
