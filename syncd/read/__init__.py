"""Turns the rows of a source into a reading of contacts."""
