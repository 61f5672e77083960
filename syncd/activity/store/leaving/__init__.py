"""What leaves the store for good: what is old, and what a person wants erased."""
