"""Dense warps: pictures in, a field out, and what is done with it."""
