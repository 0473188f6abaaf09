"""The version of the package, in a file that the build reads without importing anything."""

__version__ = "4.0.0"
