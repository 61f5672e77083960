"""Decides, and returns values: no clock, no I/O, no logging, no randomness. The shell acts on what it says."""
