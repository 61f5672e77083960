"""Stores what becomes of unknown numbers."""
