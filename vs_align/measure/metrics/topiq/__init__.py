"""The metric "topiq": the full-reference network TOPIQ."""
