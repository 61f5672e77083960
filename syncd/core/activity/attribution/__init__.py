"""Whose a call or a message is: who had its number then."""
