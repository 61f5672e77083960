"""Reads SQL databases."""
