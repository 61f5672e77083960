"""Why a contact goes without a number, as people read it."""

NOBODY = "nobody has it until a person decides"
"""The number waits for a decision."""
