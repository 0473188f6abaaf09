"""Matching within a search window: Viterbi smoothing of metric scores, confidence, version differences, verdict."""
