"""The state database: what we last sent, what is under way, what waits; the only SQL of our own."""

from syncd.state.database import State

__all__ = ["State"]
