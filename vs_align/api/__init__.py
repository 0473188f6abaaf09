"""The public functions, one a module, and the check of their arguments."""
