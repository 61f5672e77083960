"""What a run needs besides its work: the session, the lease of its source, and its progress."""
