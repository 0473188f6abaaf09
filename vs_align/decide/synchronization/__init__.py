"""Synchronization of two films of unknown offset, speed and cut: candidates, best path, linear runs, verdict."""
