"""Measurements on images and audio: arrays in, numbers out."""
