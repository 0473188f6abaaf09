"""Image similarity metrics, and the search of the most similar frame with each."""
