"""Checks of your own for netcheck."""
