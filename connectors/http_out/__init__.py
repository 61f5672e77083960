"""The sink that posts calls and messages to an address, signed as Standard Webhooks says."""
