"""Structure metric: pixel differences after registration, tone matching and gate weave compensation."""
