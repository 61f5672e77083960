"""Delivers calls and messages to sinks: gathers what has changed, asks the core, marks, calls and records."""
