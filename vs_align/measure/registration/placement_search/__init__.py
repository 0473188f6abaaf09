"""The search of the placement of one video in another, per scene."""
