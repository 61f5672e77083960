"""What was forgotten for good: how it is recognised by its digests, and what is left of rows and texts without it."""
