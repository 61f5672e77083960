"""The steps from each version of the state file to the next (Alembic).

There are no steps back: an older program would lose what a newer program recorded, or send again what was undone.
"""
