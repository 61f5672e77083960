"""Shows people and other programs the state of the sources: status, alarms, notifications and metrics."""
