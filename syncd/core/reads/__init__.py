"""What a read of a source proves."""
