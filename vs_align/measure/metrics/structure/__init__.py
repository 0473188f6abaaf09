"""The metric "structure": correlation of locally normalized images, robust to grading and gate weave."""
