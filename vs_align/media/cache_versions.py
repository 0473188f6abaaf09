"""Versions of the files in the cache: a new number makes old files misses."""

FINGERPRINTS = 2
"""Changes if the fingerprints of a video would differ from those in old files."""

CONCLUSIONS = 8
"""Changes if the timeline of two videos would differ from that in an old file."""

PLACES = 5
"""Changes if the placement of two videos would differ from that in an old file."""
