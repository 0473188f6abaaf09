"""The ways of vidkompy to align two clips in time, each by its name in `registry.ENGINES`."""
