"""What surrounds a process: its variables, folders and limits. Everything else asks here how to use them."""
