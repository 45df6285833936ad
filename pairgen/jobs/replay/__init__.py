"""`pairgen replay`."""
