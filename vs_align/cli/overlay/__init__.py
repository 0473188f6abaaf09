"""The command `vs-align overlay`."""
