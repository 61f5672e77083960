"""The commands about calls and messages."""
