"""Tests of the decisions about who is calling."""
