"""The state file in a person's hands: looked at, copied, put back, made small, and forgotten in parts."""
