"""`pairgen verify`."""
