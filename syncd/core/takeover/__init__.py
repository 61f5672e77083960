"""Which row goes on with another key's contact: a source says so, or the row has all that the contact has."""
