"""Decisions from measurements: which frames match, in what order, with which verdict. Numbers in, numbers out."""
