"""Commands about whose calls and messages are."""
