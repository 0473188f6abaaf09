"""Laying one picture on another, at the right place and in the right colours."""
