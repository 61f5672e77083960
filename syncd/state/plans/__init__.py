"""Which plans were applied, and which state file a plan belongs to."""
