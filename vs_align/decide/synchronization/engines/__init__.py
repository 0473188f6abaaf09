"""The alternative synchronization engines, each by its name in `registry.ENGINES`."""
