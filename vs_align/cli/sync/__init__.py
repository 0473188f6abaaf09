"""The command `vs-align sync`."""
