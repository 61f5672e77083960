"""The built-in connectors; each reads one kind of source."""
