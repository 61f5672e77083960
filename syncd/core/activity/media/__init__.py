"""Recordings and attachments: what becomes of each, how its file is called, and how long it is kept. Pure."""
