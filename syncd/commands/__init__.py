"""What the commands do: each reads, asks the rest of syncd, prints, and returns an exit code."""
