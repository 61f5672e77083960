"""Reads REST APIs that the configuration describes."""
