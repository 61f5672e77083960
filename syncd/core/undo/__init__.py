"""How an earlier run is undone: what is known, which changes still stand, and the changes that undo them."""
