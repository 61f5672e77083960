"""Says what happened: as a value, on a screen, as JSON and as a file."""
