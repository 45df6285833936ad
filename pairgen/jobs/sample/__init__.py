"""`pairgen sample`."""
