"""Compositing of one clip over another, at its place and in matching colors."""
