"""Recordings and attachments: their files are fetched, kept in folders, and removed when they are old."""
