"""What all groups of commands have in common."""
