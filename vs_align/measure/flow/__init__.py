"""Dense optical flow: two images in, a displacement field with its confidence out."""
