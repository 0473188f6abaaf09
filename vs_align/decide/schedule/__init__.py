"""Schedule of `overlay`: for each output frame, the frames of background and foreground that it shows."""
