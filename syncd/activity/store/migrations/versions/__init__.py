"""The steps from each version of the state file to the next (Alembic)."""
