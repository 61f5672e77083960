"""Tells people and other programs how the sources are: status, alarms, notifications and metrics."""
