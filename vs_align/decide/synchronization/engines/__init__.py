"""Alternative synchronization engines, chosen by name from `registry.ENGINES`; their matches are verified."""
