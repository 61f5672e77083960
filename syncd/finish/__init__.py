"""Keeps what a run leaves for the next run."""
