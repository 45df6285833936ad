"""`pairgen train`."""
