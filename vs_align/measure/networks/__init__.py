"""Neural networks with frozen weights: architectures, download and loading of weights."""
