"""Calls and messages: what was observed of them, and what follows from it. Pure."""
