"""Calls and messages as tables of a SQL database."""
