"""Fingerprints of videos: a thumbnail and descriptors of each frame, extracted once and cached on disk."""
