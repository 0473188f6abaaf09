"""The best match of each frame within a search window: Viterbi smoothing, confidence, verdict."""
