"""Which company a state file belongs to, and what proves that a target is that company."""
