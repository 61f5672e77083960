"""The connector that reads a REST API which the configuration describes."""
