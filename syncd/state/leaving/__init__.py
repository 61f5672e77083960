"""What leaves the ledger: deletes that no contact forbids, and contacts that stay at the target."""
