"""Synchronization of two videos of unknown offset, speed and cut: candidates, best path, linear runs, verdict."""
