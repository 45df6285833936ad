"""`pairgen eval`."""
