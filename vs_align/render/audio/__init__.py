"""Playing, splicing, resampling, time-stretching and mixing of audio along a cut list, for arrays and for nodes."""
