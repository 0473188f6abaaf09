"""The flow engine "rife": displacement from the RIFE interpolation network."""
