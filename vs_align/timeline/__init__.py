"""`Timeline`: which frame of clip belongs to which frame of ref, as linear segments."""
