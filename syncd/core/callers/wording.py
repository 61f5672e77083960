"""Why a contact goes without a number, as people read it."""

NOBODY = "nobody has it until a person decides"
"""The number waits for a decision."""

DECIDED = "a person has decided whose it is, and the next run obeys"
"""The decision is newer than the contact."""
