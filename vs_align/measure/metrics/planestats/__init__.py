"""The metric "planestats": mean absolute difference of planes."""
