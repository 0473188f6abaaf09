"""The schedule of `overlay`: which frames of background and foreground each output frame shows."""
