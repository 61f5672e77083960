"""Sending text messages, each at most once."""
