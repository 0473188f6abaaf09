"""From scores to a Timeline: numbers in, numbers out."""
