"""What the REST and HubSpot connectors share: sign-in, tokens, limits, rules and paths."""
