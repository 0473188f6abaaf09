"""Versions of what is kept on disk about films."""

FINGERPRINTS = 1
"""Changes whenever fingerprints of old files would differ from those that are taken now."""

CONCLUSIONS = 7
"""Changes whenever the same films would be answered otherwise than before."""

PLACES = 4
"""Likewise for placements."""
