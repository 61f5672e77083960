"""Decides what sinks are sent of calls and messages: what, when, what waits for a person, and what became of it."""
