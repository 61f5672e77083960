"""The parts that the REST and HubSpot connectors share: sign-in, tokens, limits, rules, paths and records."""
