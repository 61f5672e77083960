"""Commands that prove something of calls and messages, and write nothing."""
