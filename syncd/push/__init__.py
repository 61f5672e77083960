"""Carries a plan out: marks each batch, calls the target and records the answer in the ledger."""
