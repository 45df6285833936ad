"""`pairgen repair`."""
