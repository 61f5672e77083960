"""What becomes of changes besides their comparison."""
