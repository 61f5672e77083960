"""Whose calls and messages are: reads who has which number, asks core, and stores what it decides."""
