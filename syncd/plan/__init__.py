"""Gathers what the core needs (the ledger, the target's list), asks the core, and returns a plan."""
