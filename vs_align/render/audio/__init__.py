"""Audio nodes and arrays that are cut, stretched and mixed after a cut list."""
