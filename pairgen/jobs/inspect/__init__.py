"""`pairgen inspect`."""
