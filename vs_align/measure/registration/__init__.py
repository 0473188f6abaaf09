"""Image registration: two images in, the transform that maps one to the other out."""
