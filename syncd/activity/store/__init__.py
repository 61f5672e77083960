"""The activity store: calls, messages, events and media as SQLite keeps them. All SQL about them is in this folder."""
