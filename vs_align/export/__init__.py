"""Results in the form of other programs and for people to look at."""
