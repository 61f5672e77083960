"""Calls and messages come in: received, pulled, proved, kept."""
