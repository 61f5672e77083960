"""The parts that the REST and HubSpot connectors and the sinks share: sign-in, limits, rules, templates and records."""
