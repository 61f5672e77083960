"""What the configuration says, as values: rules, schedules and durations."""
