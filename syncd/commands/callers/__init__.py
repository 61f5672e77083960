"""The commands about callers."""
