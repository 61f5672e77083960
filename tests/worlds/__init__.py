"""Worlds and fakes that tests share."""
