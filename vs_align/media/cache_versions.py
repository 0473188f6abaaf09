"""Versions of what is kept on disk about films."""

FINGERPRINTS = 2
"""Changes whenever fingerprints of old files would differ from those that are taken now."""

CONCLUSIONS = 8
"""Changes whenever the same films would be answered otherwise than before."""

PLACES = 5
"""Likewise for placements."""
