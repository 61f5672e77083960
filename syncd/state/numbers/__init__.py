"""Which contacts have and had which numbers, as far as the state knows."""
