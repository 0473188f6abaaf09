"""Fingerprints of films: small images and descriptors of each frame, extracted once and kept on disk."""
