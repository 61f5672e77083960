"""The rehearsal of an outage: a day as it was, lists that show it as of a moment, and a store in memory."""
